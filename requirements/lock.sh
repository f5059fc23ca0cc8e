#!/bin/sh
# Resolve everything once (requirements/dev.lock), then cut each group's file out of that one resolution.
# MLflow's web interface cannot be part of it (docs/decisions/0001-mlflow-skinny.md): it is resolved by itself.
# No file names a package registry: a machine installs from whichever it is set up for.
set -eu
cd "$(dirname "$0")/.."
resolve() {
    "${UV:-uv}" pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-header --no-emit-index-url --no-annotate "$@"
}
compile() {
    resolve pyproject.toml --group build "$@"
}
compile --group dev --upgrade --output-file requirements/dev.lock
for group in data train kuma test; do
    rm -f "requirements/$group.lock"
    compile --group "$group" --constraints requirements/dev.lock --output-file "requirements/$group.lock"
done
rm -f requirements.lock
compile --constraints requirements/dev.lock --output-file requirements.lock
# The same version as the mlflow-skinny that writes the store, so that both know the same tables.
sed -n 's/^mlflow-skinny==\([^ ]*\).*/mlflow==\1/p' requirements/dev.lock |
    resolve - --upgrade --output-file requirements/mlflow.lock
# The generator of Python clients needs an older graphql-core: clients/python/README.md.
resolve clients/python/requirements.in --upgrade --output-file clients/python/requirements.lock
