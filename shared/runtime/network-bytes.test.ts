import { expect, test } from 'vitest'
import { networkBytes, sumOf } from './network-bytes.ts'

const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 6733638802 4793872    0    0    0     0          0         0 6733638802 4793872    0    0    0     0       0          0
  eth0:     100       7    0    0    0     0          0         0       20       3    0    0    0     0       0          0
  eth1:30 1 0 0 0 0 0 0 4 1 0 0 0 0 0 0
`

test('adds up the interfaces and leaves out what a machine says to itself', () => {
  expect(sumOf(text)).toEqual({ received: 130, sent: 24 })
})

test('a network without interfaces, or a process that is not there, is no trouble', () => {
  expect(sumOf('')).toEqual({ received: 0, sent: 0 })
  expect(networkBytes(2 ** 30)).toBeNull()
})
