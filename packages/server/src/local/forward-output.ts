import type { ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'

/**
 * Sends a function's output to the client, with back-pressure. Resolves with the number of bytes
 * when the output has ended. As on AWS, the function does not learn that the client has
 * disconnected: the rest of its output is read and dropped.
 */
export function forwardOutput(body: Readable, response: ServerResponse): Promise<number> {
  let sent = 0
  if (body.readableEnded) return Promise.resolve(sent)
  return new Promise(resolve => {
    const goOn = () => body.resume()
    response.once('close', goOn)
    body.once('end', () => {
      response.off('close', goOn)
      resolve(sent)
    })
    body.on('data', (chunk: Buffer) => {
      sent += chunk.length
      if (response.closed || response.write(chunk)) return
      body.pause()
      response.once('drain', goOn)
    })
  })
}
