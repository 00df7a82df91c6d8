# Assay's agents (target agents) and the services of the reference pipeline (target pipeline).
ARG NODE_IMAGE=node:24.21.0-bookworm-slim
ARG PYTHON_IMAGE=python:3.13-slim-bookworm

FROM ${NODE_IMAGE} AS libraries
WORKDIR /app
COPY package.json package-lock.json ./
# The image brings its own Node.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund && rm -rf node_modules/node-linux-*

FROM ${PYTHON_IMAGE} AS wheels
RUN python3 -m pip download -q --no-deps --only-binary=:all: -d /wheels \
      duckdb-extension-iceberg==1.5.5 duckdb-extension-avro==1.5.5 duckdb-extension-httpfs==1.5.5 \
 && for wheel in /wheels/*; do python3 -m zipfile -e "$wheel" /opened; done \
 && mkdir /extensions && find /opened -name '*.duckdb_extension' -exec cp {} /extensions/ \;

FROM ${NODE_IMAGE} AS verified
WORKDIR /app
COPY package.json ./
COPY --from=libraries /app/node_modules ./node_modules
COPY compose ./compose
COPY --from=wheels /wheels /wheels
RUN node compose/docker/verify.ts duckdb-extensions /wheels

FROM ${NODE_IMAGE} AS base
ENV NODE_ENV=production \
    NODE_OPTIONS="--disable-warning=TimeoutNegativeWarning --disable-warning=ExperimentalWarning"
WORKDIR /app
COPY package.json ./
COPY --from=libraries /app/node_modules ./node_modules
# From a stage that only exists when the sums were right.
COPY --from=verified /app/package.json ./package.json
COPY --from=wheels /extensions /opt/duckdb-extensions
COPY compose/docker/images/healthy.sh ./

FROM base AS pipeline
ENV DUCKDB_EXTENSION_DIR=/opt/duckdb-extensions
COPY compose ./compose
USER node
HEALTHCHECK --interval=10s --timeout=10s --start-period=60s --retries=6 CMD ["bash", "healthy.sh"]
ENTRYPOINT ["node"]

FROM base AS agents
# Heaps are bounded by `assay agent` itself (shared/runtime/heap-limit.ts), here as everywhere.
ENV ASSAY_AGENT_HOST=0.0.0.0 \
    ASSAY_AGENT_PORT=8080 \
    ASSAY_DUCKDB_EXTENSIONS=/opt/duckdb-extensions \
    ASSAY_STATE_DIR=/var/lib/assay \
    HEALTHY_URL=http://127.0.0.1:8080/readyz
COPY schemas ./schemas
COPY topology ./topology
COPY shared ./shared
COPY agents ./agents
COPY compose/docker/runtime ./compose/docker/runtime
RUN mkdir -p /var/lib/assay && chown node:node /var/lib/assay && ln -s /app/agents/cli/main.ts /usr/local/bin/assay
USER node
VOLUME /var/lib/assay
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=10s --start-period=90s --retries=6 CMD ["bash", "healthy.sh"]
ENTRYPOINT ["node", "agents/cli/main.ts"]
