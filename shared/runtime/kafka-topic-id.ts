/**
 * The two messages of Kafka's Metadata exchange, version 12, as far as a topic's id needs them
 * (https://kafka.apache.org/protocol#The_Messages_Metadata). Both begin with the tagged fields of their headers, of which
 * kafkajs knows nothing.
 */
export const TOPIC_ID_VERSION = 12

const NO_TAGS = 0
const NO_ID = Buffer.alloc(16)
const ID_BYTES = 16

export function encodeTopicQuestion(topic: string): Buffer {
  const name = Buffer.from(topic)
  const topics = [...varint(1 + 1), ...NO_ID, ...varint(name.length + 1), ...name, NO_TAGS]
  const mayBeCreated = 0
  const withOperations = 0
  return Buffer.from([NO_TAGS, ...topics, mayBeCreated, withOperations, NO_TAGS])
}

/** A UUID as text; null when the broker has no such topic, or an id of zeros, as topics of old clusters have. Throws RangeError for another shape. */
export function topicIdIn(answer: Buffer, topic: string): string | null {
  const read = new Reading(answer)
  read.skipTags()
  read.skip(4)
  for (let brokers = read.length(); brokers > 0; brokers--) {
    read.skip(4)
    read.text()
    read.skip(4)
    read.text()
    read.skipTags()
  }
  read.text()
  read.skip(4)
  if (read.length() < 1) return null
  const error = read.int16()
  const name = read.text()
  const id = read.bytes(ID_BYTES)
  if (error !== 0 || name !== topic || id.equals(NO_ID)) return null
  return id.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

function varint(value: number): number[] {
  const bytes: number[] = []
  for (; value >= 0x80; value >>>= 7) bytes.push((value & 0x7f) | 0x80)
  return [...bytes, value]
}

/** Kafka's "compact" types: lengths are varints, one more than they mean; zero is null. */
class Reading {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  skip(count: number): void {
    this.bytes(count)
  }

  bytes(count: number): Buffer {
    if (this.#at + count > this.#bytes.length) throw new RangeError(`${count} bytes at byte ${this.#at}, of ${this.#bytes.length} in all`)
    this.#at += count
    return this.#bytes.subarray(this.#at - count, this.#at)
  }

  int16(): number {
    return this.bytes(2).readInt16BE()
  }

  /** -1 for null. */
  length(): number {
    return this.#varint() - 1
  }

  text(): string | null {
    const length = this.length()
    return length < 0 ? null : this.bytes(length).toString()
  }

  skipTags(): void {
    for (let tags = this.#varint(); tags > 0; tags--) {
      this.#varint()
      this.skip(this.#varint())
    }
  }

  #varint(): number {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const part = this.bytes(1).readUInt8()
      value += (part & 0x7f) * 2 ** shift
      if (part < 0x80) return value
    }
  }
}
