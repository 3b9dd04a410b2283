import type { ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'

/**
 * Sends a function's output to the client, with back-pressure. Resolves with the number of bytes
 * when the output has ended. As on AWS, the function does not learn that the client has
 * disconnected: the rest of its output is read and dropped.
 */
export async function forwardOutput(body: Readable, response: ServerResponse): Promise<number> {
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
