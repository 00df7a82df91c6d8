import { images } from '../images.ts'
import { reporterUrl } from './addresses.ts'
import { limits, published, scratch, started, wgetHttp, type Service } from './model.ts'

const shared = { networks: ['observability'], restart: 'unless-stopped' } as const

/** Grafana is in a profile of its own, so that it can be left out. */
export const observabilityServices: Readonly<Record<string, Service>> = {
  prometheus: {
    ...shared,
    image: images.prometheus,
    profiles: ['observability'],
    command: [
      '--config.file=/etc/prometheus/prometheus.yml',
      '--storage.tsdb.path=/prometheus',
      '--storage.tsdb.retention.time=${PROMETHEUS_RETENTION:-15d}',
      '--storage.tsdb.retention.size=2GB',
      // External labels from the environment: the address that alerts link to.
      '--enable-feature=exemplar-storage,expand-external-labels',
    ],
    environment: { ASSAY_REPORTER_URL: reporterUrl },
    // The agents wait for the pipeline: asked for before they are started, each would be missed at every first start.
    depends_on: { reporter: started },
    ports: [published('PROMETHEUS_PORT', 19_090, 9_090)],
    volumes: [
      './docker/prometheus.yml:/etc/prometheus/prometheus.yml:ro',
      './observability/prometheus/rules:/etc/prometheus/rules:ro',
      'prometheus-data:/prometheus',
    ],
    tmpfs: [scratch('/tmp', '32m')],
    healthcheck: wgetHttp(9_090, '/-/ready', '60s'),
    limits: limits('512m', '1', 256),
  },
  alertmanager: {
    ...shared,
    image: images.alertmanager,
    profiles: ['observability'],
    command: ['--config.file=/etc/alertmanager/alertmanager.yml', '--storage.path=/alertmanager', '--cluster.listen-address='],
    ports: [published('ALERTMANAGER_PORT', 19_093, 9_093)],
    volumes: ['${ALERTMANAGER_CONFIG:-./docker/alertmanager.yml}:/etc/alertmanager/alertmanager.yml:ro', 'alertmanager-data:/alertmanager'],
    tmpfs: [scratch('/tmp', '16m')],
    healthcheck: wgetHttp(9_093, '/-/ready', '30s'),
    limits: limits('128m', '0.5', 128),
  },
  jaeger: {
    ...shared,
    image: images.jaeger,
    networks: ['observability', 'traces'],
    profiles: ['observability'],
    command: ['--config', '/etc/jaeger/jaeger.yaml'],
    environment: { JAEGER_LISTEN_HOST: '0.0.0.0', JAEGER_TRACES_MAX: '${JAEGER_TRACES_MAX:-20000}', GOMEMLIMIT: '400MiB' },
    ports: [published('JAEGER_PORT', 16_686, 16_686)],
    volumes: ['./observability/jaeger/jaeger.yaml:/etc/jaeger/jaeger.yaml:ro'],
    tmpfs: [scratch('/tmp', '32m')],
    healthcheck: wgetHttp(13_133, '/status', '30s'),
    limits: limits('512m', '1', 256),
  },
  grafana: {
    ...shared,
    image: images.grafana,
    profiles: ['grafana'],
    environment: {
      GF_SECURITY_ADMIN_PASSWORD: '${GRAFANA_ADMIN_PASSWORD:-assay}',
      ASSAY_PROMETHEUS_URL: 'http://prometheus:9090',
      ASSAY_JAEGER_URL: 'http://jaeger:16686',
      ASSAY_REPORTER_URL: reporterUrl,
      ASSAY_GRAFANA_WEBHOOK_URL: '${ASSAY_GRAFANA_WEBHOOK_URL:-http://127.0.0.1:9/}',
      GF_ANALYTICS_REPORTING_ENABLED: 'false',
      GF_ANALYTICS_CHECK_FOR_UPDATES: 'false',
      GF_AUTH_ANONYMOUS_ENABLED: 'true',
      GF_AUTH_ANONYMOUS_ORG_ROLE: 'Viewer',
    },
    ports: [published('GRAFANA_PORT', 13_000, 3_000)],
    volumes: [
      './observability/grafana/provisioning:/etc/grafana/provisioning:ro',
      './observability/grafana/dashboards:/var/lib/grafana/dashboards/assay:ro',
      'grafana-data:/var/lib/grafana',
    ],
    tmpfs: [scratch('/tmp', '64m')],
    healthcheck: wgetHttp(3_000, '/api/health', '90s'),
    limits: limits('512m', '1', 256),
  },
}
