import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'

const BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5]

export type ApiMetrics = {
  contentType: string
  text: () => Promise<string>
  answered: (request: { route: string; status: number; seconds: number }) => void
  snapshotLoaded: (how: string, seconds: number) => void
}

export function createMetrics(): ApiMetrics {
  const registers = [new Registry()]
  const [registry] = registers as [Registry]
  collectDefaultMetrics({ register: registry })
  const requests = new Counter({ registers, name: 'query_api_requests_total', help: 'Requests answered.', labelNames: ['route', 'status'] })
  const duration = new Histogram({
    registers,
    name: 'query_api_request_duration_seconds',
    help: 'Time from a request to its answer.',
    labelNames: ['route'],
    buckets: BUCKETS_SECONDS,
  })
  const loads = new Histogram({
    registers,
    name: 'query_api_snapshot_load_seconds',
    help: 'Time to load a new snapshot, by how: append or full.',
    labelNames: ['how'],
    buckets: BUCKETS_SECONDS,
  })
  const loadedAt = new Gauge({
    registers,
    name: 'query_api_snapshot_loaded_timestamp_seconds',
    help: 'When the snapshot now answered from was loaded.',
  })
  return {
    contentType: registry.contentType,
    text: () => registry.metrics(),
    answered({ route, status, seconds }) {
      requests.inc({ route, status })
      duration.observe({ route }, seconds)
    },
    snapshotLoaded(how, seconds) {
      loads.observe({ how }, seconds)
      loadedAt.setToCurrentTime()
    },
  }
}
