#!/usr/bin/env bash
# Stand-in for /etc/kafka/docker/run of apache/kafka: KAFKA_A_B__C___D becomes a.b_c-d.
set -eu
config=/opt/kafka/config/server.properties
[ -w /opt/kafka/config ] || { echo "/opt/kafka/config/ file not writable"; exit 1; }
env | grep '^KAFKA_' | grep -vE '^KAFKA_(HEAP_OPTS|OPTS|LOG4J_OPTS|JVM_PERFORMANCE_OPTS|VERSION)=' | while IFS='=' read -r name value; do
  key=$(printf %s "${name#KAFKA_}" | tr '[:upper:]' '[:lower:]' | sed -e 's/___/-/g' -e 's/__/\x01/g' -e 's/_/./g' -e 's/\x01/_/g')
  printf '%s=%s\n' "$key" "$value"
done > "$config"
cat > /opt/kafka/config/log4j2.properties <<'LOG'
status = warn
rootLogger.level = info
rootLogger.appenderRef.stdout.ref = STDOUT
appender.console.type = Console
appender.console.name = STDOUT
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d] %p %m (%c{1})%n
LOG
java() { command java -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Dlog4j2.configurationFile=/opt/kafka/config/log4j2.properties -cp '/opt/kafka/libs/*' "$@"; }
java -Xmx128m kafka.tools.StorageTool format --ignore-formatted -t "$CLUSTER_ID" -c "$config"
exec java ${KAFKA_HEAP_OPTS:--Xmx512m} -XX:+UseSerialGC -XX:TieredStopAtLevel=1 \
  -Dlog4j2.configurationFile=/opt/kafka/config/log4j2.properties -cp '/opt/kafka/libs/*' kafka.Kafka "$config"
