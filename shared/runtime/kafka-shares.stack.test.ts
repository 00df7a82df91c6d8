import { afterAll, beforeAll, expect, test } from 'vitest'
import { startBroker, until, type Broker } from './broker.fixture.ts'
import { openAdmin } from './kafka-admin.ts'
import { shareGroup, shareWork } from './kafka-shares.ts'
import { connectKafka } from './kafka.ts'
import { createLog } from './log.ts'

const TOPIC = 'assay.results'
const OTHER_TOPIC = 'staging.results'
const SLOTS = 4
const log = createLog({ agent: 'ingestion-checker', instance: 'test', level: 'silent' })
let broker: Broker

beforeAll(async () => {
  broker = await startBroker()
  const admin = openAdmin(linkTo())
  await admin.ensureTopics(
    [TOPIC, OTHER_TOPIC].map((topic) => ({ topic, partitions: SLOTS, retentionMs: 3_600_000, replicationFactor: 1 })),
  )
  await admin.close()
}, 120_000)
afterAll(() => broker.stop())

const linkTo = () => connectKafka({ brokers: [broker.bootstrap], clientId: 'assay.ingestion-checker' })

function member(topic = TOPIC) {
  const heard: { of: number; held: readonly number[] }[] = []
  const work = shareWork({ link: linkTo(), topic, log, onShares: (shares) => void heard.push(shares) })
  return { close: () => work.close(), heard, held: () => heard.at(-1)?.held ?? [] }
}

/** Each slot is held by one, and nobody has more than the others by two. */
const isShared = (members: readonly ReturnType<typeof member>[]) => {
  const held = members.flatMap((one) => one.held())
  const most = Math.max(...members.map((one) => one.held().length))
  const isFair = members.every((one) => most - one.held().length <= 1)
  return isFair && held.length === SLOTS && new Set(held).size === SLOTS
}

const groups = async () => {
  const admin = linkTo().client.admin()
  await admin.connect()
  const { groups: all } = await admin.listGroups()
  await admin.disconnect()
  return all.map(({ groupId }) => groupId)
}

test('slots are dealt out among those who are there, anew when one comes, leaves or loses the broker, and nothing is left behind', async () => {
  const first = member()
  await until(() => isShared([first]), 30_000)
  expect(first.heard.at(-1)).toEqual({ of: SLOTS, held: [0, 1, 2, 3] })
  const second = member()
  await until(() => isShared([first, second]), 30_000)
  const third = member()
  await until(() => isShared([first, second, third]), 30_000)
  await second.close()
  await until(() => isShared([first, third]), 30_000)
  const before = first.heard.length
  broker.kill()
  await broker.startAgain()
  await until(() => first.heard.length > before && isShared([first, third]), 60_000)
  expect(await groups()).toContain(shareGroup(linkTo(), TOPIC))
  await first.close()
  await until(() => isShared([third]), 30_000)
  await third.close()
  expect(await groups()).not.toContain(shareGroup(linkTo(), TOPIC))
}, 240_000)

test('who works for another results topic on the same cluster takes no slots of this one', async () => {
  const here = member()
  const there = member(OTHER_TOPIC)
  await until(() => isShared([here]) && isShared([there]), 60_000)
  const second = member()
  await until(() => isShared([here, second]), 30_000)
  expect(there.held()).toEqual([0, 1, 2, 3])
  await Promise.all([here, there, second].map((one) => one.close()))
}, 120_000)
