import * as zlib from 'node:zlib'

// node:zlib has it from Node 20.15 and 22.2 on.
const native = (zlib as { crc32?: (data: Uint8Array) => number }).crc32

/** CRC-32 of ISO 3309, as gzip and event streams use it. */
export const crc32: (data: Uint8Array) => number = native ?? tableCrc32

let table: Uint32Array | undefined

export function tableCrc32(data: Uint8Array): number {
  table ??= Uint32Array.from({ length: 256 }, (_, byte) => {
    let sum = byte
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1
    return sum
  })
  let sum = 0xffffffff
  for (const byte of data) sum = (sum >>> 8) ^ (table[(sum ^ byte) & 0xff] ?? 0)
  return ~sum >>> 0
}
