import { createObjectStore } from '../../shared/iceberg/object-store.ts'
import { createRestCatalog } from '../../shared/iceberg/rest-catalog.ts'
import { lookAgain } from '../../shared/runtime/kafka-look-again.ts'
import type { KafkaLink } from '../../shared/runtime/kafka.ts'
import type { AgentPorts } from '../../shared/runtime/run-agent.ts'
import type { Topology } from '../../topology/topology.ts'
import { fetchRawEvidence } from './reports/fetch-raw.ts'
import type { RawEvidence, RawEvidencePorts } from './reports/raw-evidence.ts'
import type { ReportSource } from './reports/report-source.ts'

const TIMEOUT_MS = 5_000

/** The pipeline's own Kafka, catalog and store, as the archive of a run asks them. */
export function rawAccess(
  topology: Topology,
  kafka: KafkaLink,
  { clock }: Pick<AgentPorts, 'clock'>,
): (source: ReportSource) => Promise<RawEvidence> {
  const { catalog, s3 } = topology.connections
  const ports = {
    topology,
    nowMs: () => clock.nowMs(),
    readInterval: ((interval, onRecords) =>
      lookAgain(kafka, { ...interval, timeoutMs: TIMEOUT_MS, onRecords })) satisfies RawEvidencePorts['readInterval'],
    catalog: createRestCatalog({
      url: catalog.url,
      timeoutMs: TIMEOUT_MS,
      ...(catalog.token === null ? {} : { token: catalog.token }),
      ...(catalog.warehouse === null ? {} : { warehouse: catalog.warehouse }),
    }),
  }
  return async (source) => {
    const store = createObjectStore({
      endpoint: s3.endpoint,
      region: s3.region,
      accessKeyId: s3.accessKey,
      secretAccessKey: s3.secretKey,
      timeoutMs: TIMEOUT_MS,
    })
    try {
      return await fetchRawEvidence(source, { ...ports, store })
    } finally {
      store.close()
    }
  }
}
