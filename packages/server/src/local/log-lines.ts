import type { Readable } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'

/** Characters of a line. A longer one is cut into several, so that it does not fill the memory. */
const LIMIT = 1024 * 1024

/**
 * Calls `onLine` for each line of a process's output. Splits at line feeds only: a carriage return
 * is a line break inside one log entry, and node:readline would split there as well.
 */
export function readLogLines(stream: Readable, onLine: (line: string) => void) {
  const decoder = new StringDecoder()
  let rest = ''
  stream.on('data', (chunk: Buffer) => {
    // Only what is new is searched: a long line arrives in many chunks.
    const [first = '', ...others] = decoder.write(chunk).split('\n')
    const last = others.pop()
    rest += first
    if (last !== undefined) {
      onLine(rest)
      others.forEach(onLine)
      rest = last
    }
    if (rest.length < LIMIT) return
    onLine(rest)
    rest = ''
  })
  stream.on('end', () => rest && onLine(rest))
}
