#!/bin/sh
# Stand-in for the entry point of andrewgaul/s3proxy.
mkdir "${JCLOUDS_FILESYSTEM_BASEDIR}" 2>/dev/null
exec java ${S3PROXY_JAVA_OPTS} \
  -Ds3proxy.endpoint="${S3PROXY_ENDPOINT}" \
  -Ds3proxy.authorization="${S3PROXY_AUTHORIZATION}" \
  -Ds3proxy.identity="${S3PROXY_IDENTITY}" \
  -Ds3proxy.credential="${S3PROXY_CREDENTIAL}" \
  -Djclouds.provider="${JCLOUDS_PROVIDER}" \
  -Djclouds.identity="${JCLOUDS_IDENTITY}" \
  -Djclouds.credential="${JCLOUDS_CREDENTIAL}" \
  -Djclouds.filesystem.basedir="${JCLOUDS_FILESYSTEM_BASEDIR}" \
  -jar /opt/s3proxy/s3proxy-*-jar-with-dependencies.jar --properties /dev/null
