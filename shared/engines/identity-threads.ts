import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { AssayError } from '../core/errors.ts'
import { newSlot, type GroupRows, type Reading, type RowSlot } from './identity-group.ts'
import type { Turns } from './identity-turns.ts'
import type { RowGroup } from './parquet-groups.ts'
import type { StreamName } from './stream-names.ts'

const THREADS_MAX = 4
/** While one group is looked at, a thread reads the next. */
const SLOTS_PER_THREAD = 2
/** What a thread keeps is small, and what it reads into is outside of its heap. */
const THREAD_MEMORY = { maxYoungGenerationSizeMb: 8, maxOldGenerationSizeMb: 128 }
/** They outlive a scan, since what they run is compiled by then. */
const ENDED_AFTER_MS = 30_000

export type ThreadRequest =
  | { readonly type: 'read'; readonly scan: number; readonly group: RowGroup; readonly slot: RowSlot }
  /** What the thread knows of the scan may go. */
  | { readonly type: 'end'; readonly scan: number }

export type ReadAnswer =
  /** `streams`: those the thread had not met before in this scan; it numbers them in the order it meets them. */
  | { readonly type: 'rows'; readonly turns: readonly Turns[]; readonly streams: readonly StreamName[] }
  /** What the engine must read instead, as a RangeError is in one thread. */
  | { readonly type: 'for-engine'; readonly reason: string }
  | { readonly type: 'limit'; readonly reason: string }

let scansSoFar = 0

/** The rows of each group in turn, read and numbered by threads of their own: Node's pool would decompress, but not parse. */
export async function* rowsByThreads(groups: readonly RowGroup[], reading: Reading): AsyncGenerator<GroupRows> {
  const scan = ++scansSoFar
  const readers = crew.take().map((thread) => new ThreadReader(thread, { scan, reading }))
  const slots = Array.from({ length: readers.length * SLOTS_PER_THREAD }, () =>
    newSlot(groups, { withPlaces: reading.withPlaces, isShared: true }),
  )
  const ahead: Promise<GroupRows>[] = []
  const ask = (index: number) => {
    const group = groups[index]
    if (group === undefined) return
    const reader = readers[index % readers.length] as ThreadReader
    const rows = reader.read(group, slots[index % slots.length] as RowSlot)
    // It is awaited in its turn: one that fails earlier is not unheard of.
    rows.catch(() => undefined)
    ahead.push(rows)
  }
  try {
    for (let index = 0; index < slots.length; index++) ask(index)
    for (let index = slots.length; ahead.length > 0; index++) {
      yield await (ahead.shift() as Promise<GroupRows>)
      ask(index)
    }
  } finally {
    for (const reader of readers) reader.end()
    crew.giveBack()
  }
}

/** One scan in one thread. */
class ThreadReader {
  readonly #thread: Thread
  readonly #scan: number
  readonly #reading: Reading
  /** Of the thread's streams, the numbers they have here. */
  readonly #numbers: number[] = []

  constructor(thread: Thread, { scan, reading }: { scan: number; reading: Reading }) {
    this.#thread = thread
    this.#scan = scan
    this.#reading = reading
  }

  async read(group: RowGroup, slot: RowSlot): Promise<GroupRows> {
    const answer = await this.#thread.ask({ type: 'read', scan: this.#scan, group, slot })
    if (answer.type === 'for-engine') throw new RangeError(answer.reason)
    if (answer.type === 'limit') throw new AssayError('LIMIT_REACHED', answer.reason)
    for (const name of answer.streams) this.#numbers.push(this.#reading.names.numberOf(name))
    this.#renumber(slot.streams, group.rowCount)
    return { group, count: group.rowCount, ...slot, turns: answer.turns }
  }

  end(): void {
    this.#thread.tell({ type: 'end', scan: this.#scan })
  }

  #renumber(streams: Int32Array, count: number): void {
    const numbers = Int32Array.from(this.#numbers)
    if (numbers.every((number, at) => number === at)) return
    for (let row = 0; row < count; row++) {
      const stream = streams[row] as number
      if (stream >= 0) streams[row] = numbers[stream] as number
    }
  }
}

class Thread {
  readonly #worker = new Worker(new URL('./identity-thread.ts', import.meta.url), { resourceLimits: THREAD_MEMORY })
  readonly #asked: PromiseWithResolvers<ReadAnswer>[] = []
  #failure: Error | null = null

  constructor() {
    this.#worker.on('message', (answer: ReadAnswer) => this.#asked.shift()?.resolve(answer))
    this.#worker.on('error', (error: Error) => {
      this.#failure = error
      for (const asked of this.#asked.splice(0)) asked.reject(error)
    })
    this.#worker.unref()
  }

  get isUsable(): boolean {
    return this.#failure === null
  }

  /** Answers come in the order of the requests. */
  ask(request: ThreadRequest): Promise<ReadAnswer> {
    if (this.#failure !== null) return Promise.reject(this.#failure)
    const asked = Promise.withResolvers<ReadAnswer>()
    this.#asked.push(asked)
    // While somebody waits for it, the process must not end.
    this.#worker.ref()
    this.tell(request)
    return asked.promise.finally(() => {
      if (this.#asked.length === 0) this.#worker.unref()
    })
  }

  tell(request: ThreadRequest): void {
    this.#worker.postMessage(request)
  }

  async end(): Promise<void> {
    await this.#worker.terminate()
  }
}

class Crew {
  #threads: Thread[] = []
  #users = 0
  #ending: NodeJS.Timeout | undefined

  take(): Thread[] {
    clearTimeout(this.#ending)
    this.#users++
    const count = Math.min(availableParallelism(), THREADS_MAX)
    this.#threads = Array.from({ length: count }, (_, at) => {
      const known = this.#threads[at]
      return known?.isUsable === true ? known : new Thread()
    })
    return this.#threads
  }

  giveBack(): void {
    if (--this.#users > 0) return
    this.#ending = setTimeout(() => {
      for (const thread of this.#threads.splice(0)) void thread.end()
    }, ENDED_AFTER_MS).unref()
  }
}

const crew = new Crew()
