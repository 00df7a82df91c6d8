#!/usr/bin/env bash
# Whether this container is well, by HEALTHY_URL (answers 200) or HEALTHY_PEER_PORT (holds a connection to such a port).
# A shell, since it is asked every few seconds in every container: starting Node so often would cost a good part of a core.
set -eu
if [ -n "${HEALTHY_URL:-}" ]; then
  [[ $HEALTHY_URL =~ ^http://([^:/]+):([0-9]+)(/.*)?$ ]]
  exec 3<> "/dev/tcp/${BASH_REMATCH[1]}/${BASH_REMATCH[2]}"
  printf 'GET %s HTTP/1.0\r\nHost: %s\r\n\r\n' "${BASH_REMATCH[3]:-/}" "${BASH_REMATCH[1]}" >&3
  read -r line <&3
  [[ $line == HTTP/*' 200 '* ]]
else
  # proc(5): remote address and port in hexadecimal, then the state; 01 is established.
  printf -v port '%04X' "$HEALTHY_PEER_PORT"
  grep -q ":$port 01 " /proc/net/tcp /proc/net/tcp6
fi
