import { join } from 'node:path'
import { images, type ImageName } from '../images.ts'

/** Where the parts of the stand-ins lie on this machine. */
export interface Parts {
  readonly components: Readonly<Record<'kafka' | 'apicurio-registry' | 'iceberg-rest-catalog' | 's3proxy', string>>
  readonly nodeBinary: string
  readonly npmFolder: string
  readonly nats: string
  readonly prometheus: string
  readonly alertmanager: string
  readonly jaeger: string
}

export interface StandIn {
  readonly image: string
  /** Copied beside the Dockerfile, by the name they have there. */
  readonly files: Readonly<Record<string, string>>
  readonly dockerfile: readonly string[]
}

export const BASE = 'assay-stand-in/base:bookworm'
/** How one sees that an image is none of the real ones. */
export const LABEL = 'assay.stand-in=for-tests-only'

const script = (name: string) => join(import.meta.dirname, 'scripts', name)

/** Grafana is not to be had without its image. */
export const withoutStandIn: readonly ImageName[] = ['grafana']

/**
 * Debian and what the registries publish, under the names, users, folders, variables and entry points of the images
 * they stand for, as far as compose.yaml and the Dockerfiles use them.
 */
export const standIns = (parts: Parts): readonly StandIn[] => [...javaServers(parts), ...goServers(parts), ...tools(parts)]

function javaServers({ components }: Parts): readonly StandIn[] {
  return [
    {
      image: images.kafka,
      files: { libs: components.kafka, run: script('kafka-run.sh'), 'connect-distributed.sh': script('connect-distributed.sh') },
      dockerfile: [
        'COPY libs /opt/kafka/libs',
        'COPY --chmod=755 run /etc/kafka/docker/run',
        'COPY --chmod=755 connect-distributed.sh /opt/kafka/bin/connect-distributed.sh',
        'RUN useradd --create-home --uid 1000 appuser && mkdir -p /opt/kafka/config /opt/kafka/logs /var/lib/kafka/data \\',
        ' && chown -R appuser /opt/kafka/config /opt/kafka/logs /var/lib/kafka',
        'VOLUME /var/lib/kafka/data',
        'USER appuser',
        'CMD ["/etc/kafka/docker/run"]',
      ],
    },
    {
      image: images.registry,
      files: { deployments: components['apicurio-registry'] },
      dockerfile: [
        'COPY deployments /deployments',
        'WORKDIR /deployments',
        'USER 1001',
        'ENTRYPOINT ["bash", "-c", "exec java $JAVA_OPTS_APPEND -jar /deployments/apicurio-registry-app-*-runner.jar"]',
      ],
    },
    {
      image: images.catalog,
      files: { libs: components['iceberg-rest-catalog'] },
      dockerfile: [
        'COPY libs /usr/lib/iceberg-rest',
        'RUN groupadd iceberg --gid 1000 && useradd iceberg --uid 1000 --gid 1000 --create-home',
        'ENV CATALOG_CATALOG__IMPL=org.apache.iceberg.jdbc.JdbcCatalog REST_PORT=8181',
        'USER iceberg:iceberg',
        'CMD ["java", "-cp", "/usr/lib/iceberg-rest/*", "org.apache.iceberg.rest.RESTCatalogServer"]',
      ],
    },
    {
      image: images.s3,
      files: { jar: components.s3proxy, run: script('s3proxy-run.sh') },
      dockerfile: [
        'COPY jar /opt/s3proxy',
        'COPY --chmod=755 run /opt/s3proxy/run-docker-container.sh',
        'VOLUME /data',
        'ENTRYPOINT ["/opt/s3proxy/run-docker-container.sh"]',
      ],
    },
  ]
}

function goServers(parts: Parts): readonly StandIn[] {
  return [
    {
      image: images.nats,
      files: { 'nats-server': join(parts.nats, 'usr/sbin/nats-server') },
      dockerfile: binary('nats-server', '/nats-server'),
    },
    {
      image: images.prometheus,
      files: { prometheus: join(parts.prometheus, 'usr/bin/prometheus') },
      dockerfile: [
        'RUN mkdir -p /prometheus && chown nobody /prometheus',
        'USER nobody',
        'VOLUME /prometheus',
        ...binary('prometheus', '/bin/prometheus'),
      ],
    },
    {
      image: images.alertmanager,
      files: {
        alertmanager: join(parts.alertmanager, 'usr/bin/prometheus-alertmanager'),
        templates: join(parts.alertmanager, 'usr/share/prometheus/alertmanager'),
      },
      dockerfile: [
        'COPY templates /usr/share/prometheus/alertmanager',
        'RUN mkdir -p /alertmanager && chown nobody /alertmanager',
        'USER nobody',
        'VOLUME /alertmanager',
        ...binary('alertmanager', '/bin/alertmanager'),
      ],
    },
    {
      image: images.jaeger,
      files: { jaeger: parts.jaeger },
      dockerfile: ['ENV JAEGER_LISTEN_HOST=0.0.0.0', 'USER 10001', ...binary('jaeger', '/cmd/jaeger/jaeger-linux')],
    },
  ]
}

/** For the builds. */
function tools({ nodeBinary, npmFolder }: Parts): readonly StandIn[] {
  return [
    {
      image: images.node,
      files: { node: nodeBinary, npm: npmFolder },
      dockerfile: [
        'COPY --chmod=755 node /usr/local/bin/node',
        'COPY npm /usr/local/lib/node_modules/npm',
        'RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm && useradd --create-home --uid 1000 node',
        // The trust of this machine, which the base image carries, holds for npm too.
        'ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt',
      ],
    },
    { image: images.maven, files: {}, dockerfile: [apt('maven')] },
    { image: images.python, files: {}, dockerfile: [apt('python3 python3-pip'), 'ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt'] },
  ]
}

const binary = (name: string, path: string) => [`COPY --chmod=755 ${name} ${path}`, `ENTRYPOINT ["${path}"]`]

const apt = (packages: string) =>
  `RUN apt-get -q update && apt-get -q -y --no-install-recommends install ${packages} && rm -rf /var/lib/apt/lists/*`
