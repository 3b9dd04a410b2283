import type { Readable } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'

/**
 * Calls `onLine` for each line of a process's output. Splits at line feeds only: a carriage return
 * is a line break inside one log entry, and node:readline would split there as well.
 */
export function readLogLines(stream: Readable, onLine: (line: string) => void) {
  const decoder = new StringDecoder()
  let rest = ''
  stream.on('data', (chunk: Buffer) => {
    const lines = (rest + decoder.write(chunk)).split('\n')
    rest = lines.pop() ?? ''
    lines.forEach(onLine)
  })
  stream.on('end', () => rest && onLine(rest))
}
