import { readFileSync } from 'node:fs'

export interface NetworkBytes {
  readonly received: number
  readonly sent: number
}

/**
 * What passed the interfaces of a process' network, loopback apart. Linux counts by network namespace and not by process: in
 * a container that is the container's own, elsewhere it is shared by all that runs on the machine. Null where it cannot be read.
 */
export function networkBytes(pid: number | 'self' = 'self'): NetworkBytes | null {
  try {
    return sumOf(readFileSync(`/proc/${pid}/net/dev`, 'utf8'))
  } catch {
    return null
  }
}

/** Of the text of /proc/net/dev: after two lines of heading an interface each, received bytes first, sent bytes in the ninth field. */
export function sumOf(text: string): NetworkBytes {
  let [received, sent] = [0, 0]
  for (const line of text.split('\n').slice(2)) {
    const [name = '', fields = ''] = line.split(':')
    if (fields === '' || name.trim() === 'lo') continue
    const values = fields.trim().split(/\s+/).map(Number)
    received += values[0] ?? 0
    sent += values[8] ?? 0
  }
  return { received, sent }
}
