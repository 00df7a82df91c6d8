import { createServer } from 'node:net'
import { randomInt } from 'node:crypto'
import { StackError, systemCode } from './errors.ts'

/**
 * Below the range from which systems take ports for outgoing connections (32768 and up, or 49152 and up): a port that
 * is free when chosen is then still free when its service binds it, a second later.
 */
const PORT_RANGE = { first: 20_000, last: 32_000 }
const ATTEMPTS_MAX = 500
const HOST = '127.0.0.1'

/** So many different ports that nothing listens on now. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>()
  for (let attempt = 0; attempt < ATTEMPTS_MAX && ports.size < count; attempt += 1) {
    const port = randomInt(PORT_RANGE.first, PORT_RANGE.last)
    if (!ports.has(port) && (await isFree(port))) ports.add(port)
  }
  if (ports.size < count) {
    throw new StackError(
      'service-failed',
      `${count} free ports wanted between ${PORT_RANGE.first} and ${PORT_RANGE.last}, found ${ports.size}`,
    )
  }
  return [...ports]
}

export async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1)
  return port
}

/** Bound to all addresses, since one of the services (the catalog) binds all. */
export async function isFree(port: number): Promise<boolean> {
  return (await canBind(port, HOST)) && (await canBind(port, '0.0.0.0'))
}

function canBind(port: number, host: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error) => {
      if (systemCode(error) === 'EADDRINUSE') resolve(false)
      else reject(error)
    })
    server.listen({ port, host, exclusive: true }, () => {
      server.close(() => {
        resolve(true)
      })
    })
  })
}
