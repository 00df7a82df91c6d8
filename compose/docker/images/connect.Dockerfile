# Kafka Connect with the Iceberg sink and the Avro converter baked in, as compose/local/checksums.json pins them.
ARG KAFKA_IMAGE=apache/kafka:4.3.1
ARG MAVEN_IMAGE=maven:3.9.11-eclipse-temurin-17
ARG NODE_IMAGE=node:24.21.0-bookworm-slim

FROM ${MAVEN_IMAGE} AS jars
COPY compose/local/poms /poms
RUN for plugin in connect-iceberg-sink connect-avro-converter; do \
      mvn -q -B -f /poms/$plugin.xml dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory=/jars/$plugin || exit 1; \
    done

FROM ${NODE_IMAGE} AS plugins
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund && rm -rf node_modules/node-linux-*
COPY compose ./compose
COPY --from=jars /jars /jars
RUN node compose/docker/verify.ts connect-iceberg-sink /jars/connect-iceberg-sink /plugins/connect-iceberg-sink \
 && node compose/docker/verify.ts connect-avro-converter /jars/connect-avro-converter /plugins/connect-avro-converter

FROM ${KAFKA_IMAGE}
COPY --from=plugins /plugins /opt/plugins
COPY compose/docker/images/connect.properties compose/docker/images/log4j2.properties /etc/assay/
ENV KAFKA_LOG4J_OPTS=-Dlog4j2.configurationFile=/etc/assay/log4j2.properties \
    LOG_DIR=/tmp/logs
EXPOSE 8083
ENTRYPOINT ["/opt/kafka/bin/connect-distributed.sh", "/etc/assay/connect.properties"]
