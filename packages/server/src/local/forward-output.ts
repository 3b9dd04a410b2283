import type { ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'

/**
 * Sends a function's output to its client until the output ends, and says how many bytes that were. A client
 * that leaves is not told to the function, which goes on writing to nobody.
 */
export async function forward(body: Readable, response: ServerResponse): Promise<number> {
  let sent = 0
  body.on('data', (chunk: Buffer) => {
    sent += chunk.length
  })
  const drain = () => body.unpipe(response).resume()
  if (response.closed) drain()
  else body.pipe(response.once('close', drain), { end: false })
  await finished(body)
  return sent
}
