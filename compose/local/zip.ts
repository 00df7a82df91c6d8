import { crc32 } from 'node:zlib'

export interface ZipEntry {
  path: string
  content: string
}

const LOCAL_HEADER = 0x04034b50
const CENTRAL_HEADER = 0x02014b50
const END_OF_DIRECTORY = 0x06054b50
const VERSION_NEEDED = 20
/** 1 January 1980, the first day a zip can name: equal input gives an equal archive. */
const DOS_DATE = 0x0021

/** An uncompressed zip archive, which is what a jar is; the JDK's `jar` tool is not in a mere runtime. */
export function zipOf(entries: readonly ZipEntry[]): Buffer {
  const locals: Buffer[] = []
  const centrals: Buffer[] = []
  let offset = 0
  for (const entry of entries) {
    const name = Buffer.from(entry.path)
    const content = Buffer.from(entry.content)
    const shared = sharedFields({ name, content })
    const local = Buffer.concat([uint32(LOCAL_HEADER), shared, name, content])
    // Between the shared fields and the name stand comment length, disk, two attribute fields and the offset.
    centrals.push(Buffer.concat([uint32(CENTRAL_HEADER), uint16(VERSION_NEEDED), shared, Buffer.alloc(10), uint32(offset), name]))
    locals.push(local)
    offset += local.length
  }
  const directory = Buffer.concat(centrals)
  const end = Buffer.concat([
    uint32(END_OF_DIRECTORY),
    Buffer.alloc(4),
    uint16(entries.length),
    uint16(entries.length),
    uint32(directory.length),
    uint32(offset),
    uint16(0),
  ])
  return Buffer.concat([...locals, directory, end])
}

function sharedFields(file: { name: Buffer; content: Buffer }): Buffer {
  return Buffer.concat([
    uint16(VERSION_NEEDED),
    Buffer.alloc(4), // flags and method: none, stored
    uint16(0),
    uint16(DOS_DATE),
    uint32(crc32(file.content)),
    uint32(file.content.length),
    uint32(file.content.length),
    uint16(file.name.length),
    uint16(0),
  ])
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16LE(value)
  return bytes
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value)
  return bytes
}
