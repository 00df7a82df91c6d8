import { counter, gauge, type MetricRow } from '../../shared/runtime/metrics.ts'
import type { Topology } from '../../topology/topology.ts'
import { faults } from './faults/faults.ts'

/** Targets are the topology's, so that every series exists from the start. */
export const injectorMetrics = ({ chaos }: Pick<Topology, 'chaos'>): readonly MetricRow[] => {
  const target = Object.keys(chaos.targets)
  const processes = target.filter((name) => chaos.targets[name]?.driver === 'process')
  return [
    { ...counter('assay_faults_injected_total', 'faults', 'Faults injected, by kind.'), labels: { fault: Object.keys(faults) } },
    ...watchedRows.map((row) => ({ ...row, labels: { target } })),
    {
      ...gauge(
        'assay_watched_open_descriptors',
        'descriptors',
        "Open files and sockets of a target that is a process; NaN without the right to look. A container's are not known: it has no such series.",
      ),
      labels: { target: processes },
    },
  ]
}

const NETWORK =
  "a container's own, and 0 where it has none; of a process, what all that shares its network namespace does, mostly the machine"

const watchedRows: readonly MetricRow[] = [
  gauge('assay_watched_up', 'boolean', 'Whether a chaos target, process or container, is there; 0 also while its engine does not tell.'),
  counter('assay_watched_cpu_seconds_total', 'seconds', 'Processor time of the target since this agent first saw it.'),
  gauge(
    'assay_watched_resident_bytes',
    'bytes',
    'Memory of the target: resident, of a process; of a container, what it has without inactive pages of files. 0: it is not there; NaN: not known.',
  ),
  counter(
    'assay_watched_network_receive_bytes_total',
    'bytes',
    `Received by the target since this agent first saw it, loopback apart: ${NETWORK}.`,
  ),
  counter(
    'assay_watched_network_transmit_bytes_total',
    'bytes',
    `Sent by the target since this agent first saw it, loopback apart: ${NETWORK}.`,
  ),
]
