# One file, several images: `docker build --target serve .`. docker-compose.yml names a target for each service.
#
# serve   the service, and the commands that need no more than it does
# data    the same with what reads the flights: for the job that fills the database
# kuma    the same with Uptime Kuma's client: for the job that sets it up
# mlflow  MLflow's web interface, which shares no package with the others (docs/decisions/0001-mlflow-skinny.md)
#
# Nothing is written outside /tmp and what is mounted under /var/lib, so the root may be read-only. Users are numbers,
# which need no account in the image: 10001 is the service, 65534 whoever must share files with Prometheus.
ARG PYTHON_IMAGE=python:3.11.15-slim-bookworm
ARG NODE_IMAGE=node:22.22.2-bookworm-slim

FROM ${NODE_IMAGE} AS graphiql
WORKDIR /build/graphiql
COPY graphiql/package.json graphiql/package-lock.json ./
RUN npm ci --include=dev --no-audit --no-fund --loglevel=error
COPY graphiql/vite.config.js graphiql/index.html ./
COPY graphiql/src ./src
COPY graphiql/public ./public
COPY graphiql/examples ./examples
RUN npm run --silent build

FROM ${PYTHON_IMAGE} AS serving-packages
WORKDIR /build
COPY requirements.lock ./
# The environment has no pip of its own: the one of the base image fills it.
RUN python -m venv --without-pip /opt/m7b0
RUN python -m pip --python /opt/m7b0/bin/python install --quiet --no-cache-dir --disable-pip-version-check --no-deps --require-hashes -r requirements.lock

FROM serving-packages AS data-packages
COPY requirements/data.lock ./requirements/
RUN python -m pip --python /opt/m7b0/bin/python install --quiet --no-cache-dir --disable-pip-version-check --no-deps --require-hashes -r requirements/data.lock
COPY db ./db
COPY data/raw ./data/raw
RUN /opt/m7b0/bin/python -m db prepare

FROM serving-packages AS kuma-packages
COPY requirements/kuma.lock ./requirements/
RUN python -m pip --python /opt/m7b0/bin/python install --quiet --no-cache-dir --disable-pip-version-check --no-deps --require-hashes -r requirements/kuma.lock

FROM ${PYTHON_IMAGE} AS mlflow
COPY requirements/mlflow.lock /build/
RUN python -m venv --without-pip /opt/mlflow
RUN python -m pip --python /opt/mlflow/bin/python install --quiet --no-cache-dir --disable-pip-version-check --no-deps --require-hashes -r /build/mlflow.lock
RUN install -d -o 10001 -g 10001 /var/lib/mlflow
ENV PATH=/opt/mlflow/bin:${PATH} HOME=/tmp PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 MLFLOW_DISABLE_TELEMETRY=true
LABEL org.opencontainers.image.title="m7b0-mlflow" \
      org.opencontainers.image.description="MLflow's web interface for the runs and models of m7b0"
USER 10001:10001
WORKDIR /var/lib/mlflow
EXPOSE 5000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:5000/health', timeout=4)"]
CMD ["mlflow", "server", "--host", "0.0.0.0", "--port", "5000", "--workers", "1", "--allowed-hosts", "mlflow,mlflow:*,localhost,localhost:*,127.0.0.1,127.0.0.1:*", "--backend-store-uri", "sqlite:////var/lib/mlflow/mlflow.db", "--artifacts-destination", "/var/lib/mlflow/artifacts"]

FROM ${PYTHON_IMAGE} AS code
WORKDIR /app
COPY deploy/make_secrets.py deploy/health.py ./deploy/
COPY graphiql/examples ./graphiql/examples
COPY mlruns/aliases.json ./mlruns/
COPY mlruns/model_v1 ./mlruns/model_v1
COPY mlruns/model_v2 ./mlruns/model_v2
COPY monitoring ./monitoring
COPY ml ./ml
COPY db ./db
COPY graphql_api ./graphql_api
COPY --from=graphiql /build/graphql_api/static/graphiql ./graphql_api/static/graphiql
# Compiled here, since nothing can be written later.
RUN python -m compileall -q deploy monitoring ml db graphql_api
# A volume that is mounted over an empty directory takes its owner.
RUN install -d -o 10001 -g 10001 /var/lib/m7b0/models
RUN install -d -o 65534 -g 65534 /var/lib/m7b0/kuma
ENV PATH=/opt/m7b0/bin:${PATH} HOME=/tmp PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    HOST=0.0.0.0 PORT=8000 OPERATIONS_DIR=/app/graphiql/examples MODEL_DIR=/app/mlruns

FROM code AS data
COPY --from=data-packages /opt/m7b0 /opt/m7b0
COPY --from=data-packages /build/data/processed ./data/processed
LABEL org.opencontainers.image.title="m7b0-data" \
      org.opencontainers.image.description="Migrates the database of m7b0 and fills it with flights"
ENV MODEL_DIR=/var/lib/m7b0/models
USER 10001:10001
# No monitor without a password for it.
CMD ["sh", "-c", "python -m db upgrade && if [ -n \"$DATABASE_MONITOR_PASSWORD_FILE\" ]; then python -m db monitor; fi && python -m db seed && python -m ml install /app/mlruns"]

FROM code AS kuma
COPY --from=kuma-packages /opt/m7b0 /opt/m7b0
LABEL org.opencontainers.image.title="m7b0-kuma" \
      org.opencontainers.image.description="Sets up Uptime Kuma for m7b0"
USER 65534:65534
CMD ["python", "-m", "monitoring", "kuma", "apply"]

# Last, so that it is what `docker build .` makes.
FROM code AS serve
COPY --from=serving-packages /opt/m7b0 /opt/m7b0
LABEL org.opencontainers.image.title="m7b0" \
      org.opencontainers.image.description="Flights and arrival-delay predictions from one GraphQL schema"
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=8s --start-period=30s --retries=3 CMD ["python", "deploy/health.py"]
STOPSIGNAL SIGTERM
CMD ["python", "-m", "graphql_api", "serve"]
