import type { Readable } from 'node:stream'
import { StringDecoder } from 'node:string_decoder'

/** Not node's readline: that also splits at carriage returns, which stand for the line feeds of a log entry. */
export function onLine(stream: Readable, take: (line: string) => void) {
  const decoder = new StringDecoder()
  let rest = ''
  stream.on('data', (chunk: Buffer) => {
    const lines = (rest + decoder.write(chunk)).split('\n')
    rest = lines.pop() ?? ''
    lines.forEach(take)
  })
  stream.on('end', () => rest && take(rest))
}
