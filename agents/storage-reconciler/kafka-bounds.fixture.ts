import type { WrittenFile } from '../../shared/iceberg/manifest-writer.fixture.ts'

/** What a manifest says of a file of partition 0 with these offsets. */
export function boundsOf(offsetFirst: bigint, offsetLast: bigint): Partial<WrittenFile> {
  const bounds = (offset: bigint) => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64LE(offset)
    return new Map([
      [7, Buffer.alloc(4)],
      [8, bytes],
    ])
  }
  return { lowerBounds: bounds(offsetFirst), upperBounds: bounds(offsetLast) }
}
