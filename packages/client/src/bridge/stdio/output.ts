import type { Writable } from 'node:stream'

/** Above this many bytes that the host has not read, no further request is sent. */
const HIGH_WATER = 16 * 1024 * 1024
/** Above this many, the host is given up. */
const LIMIT = 256 * 1024 * 1024

/** The messages to the host: one line each, and nothing else. */
export interface Output {
  write(text: string): void
  /** The host reads too slowly: send nothing that brings more. */
  readonly isFull: boolean
}

interface OutputOptions {
  stream: Writable
  /** The host reads again. */
  onDrain(): void
  /** The host is gone, or does not read at all. */
  onLost(reason: string): void
}

export function createOutput({ stream, onDrain, onLost }: OutputOptions): Output {
  stream.on('drain', onDrain)
  stream.on('error', error => onLost(`stdout cannot be written: ${error.message}`))
  return {
    write(text) {
      stream.write(`${onOneLine(text)}\n`)
      if (stream.writableLength > LIMIT)
        onLost(`The host has left ${LIMIT >> 20} MiB on stdout unread`)
    },
    get isFull() {
      return stream.writableLength > HIGH_WATER
    },
  }
}

/** Line breaks in JSON stand only between its tokens. */
const onOneLine = (text: string) => (/[\r\n]/.test(text) ? text.replace(/[\r\n]+/g, ' ') : text)
