/**
 * Decodes a raw Snappy block (https://github.com/google/snappy/blob/main/format_description.txt). Throws RangeError where
 * it is cut short, longer than `maxBytes`, or copies from before its beginning.
 */
export function decodeSnappy(bytes: Buffer, maxBytes: number): Buffer {
  let at = 0
  const byte = () => bytes.readUInt8(at++)
  let length = 0
  for (let shift = 0; ; shift += 7) {
    const part = byte()
    length += (part & 0x7f) * 2 ** shift
    if (part < 0x80) break
  }
  if (length > maxBytes) throw new RangeError(`${length} bytes, limit ${maxBytes}`)
  const out = Buffer.alloc(length)
  let end = 0
  while (at < bytes.length) {
    const tag = byte()
    const isLiteral = (tag & 3) === 0
    const size = isLiteral ? literalLength(tag >> 2, (count) => bytes.readUIntLE((at += count) - count, count)) : copyLength(tag)
    if (end + size > length) throw new RangeError(`more than the ${length} bytes announced`)
    if (isLiteral) {
      if (at + size > bytes.length) throw new RangeError('cut short in a literal')
      bytes.copy(out, end, at, at + size)
      at += size
      end += size
      continue
    }
    const back =
      (tag & 3) === 1
        ? ((tag >> 5) << 8) | byte()
        : bytes.readUIntLE((at += (tag & 3) === 2 ? 2 : 4) - ((tag & 3) === 2 ? 2 : 4), (tag & 3) === 2 ? 2 : 4)
    if (back === 0 || back > end) throw new RangeError(`a copy from ${back} bytes before byte ${end}`)
    // Copies may overlap what they write.
    for (let i = 0; i < size; i++, end++) out[end] = out[end - back] as number
  }
  if (end !== length) throw new RangeError(`expected ${length} bytes, got ${end}`)
  return out
}

const copyLength = (tag: number) => ((tag & 3) === 1 ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1)

function literalLength(code: number, read: (bytes: number) => number): number {
  return (code < 60 ? code : read(code - 59)) + 1
}
