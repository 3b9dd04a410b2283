import type { Readable } from 'node:stream'

import { isRecord } from '../../is-record.ts'

/** Status and headers: the prelude of a streamed output, or part of a buffered one. */
export interface ResponseHead {
  statusCode?: number
  headers?: Record<string, string>
  cookies?: string[]
}

/** The content type of a streamed output that begins with a prelude. */
export const PRELUDE_TYPE = 'application/vnd.awslambda.http-integration-response'

const LIMIT = 1024 * 1024
const DELIMITER = Buffer.alloc(8)

/**
 * Reads the prelude: JSON up to eight NUL bytes. Resolves as soon as they are there. `rest` is the
 * part of the body that was read after them, or everything that was read if there is no prelude.
 */
export async function readPrelude(body: Readable): Promise<{ head?: ResponseHead; rest: Buffer }> {
  let seen: Buffer = Buffer.alloc(0)
  for (;;) {
    const chunk = await nextChunk(body)
    if (!chunk) return { rest: seen }
    seen = Buffer.concat([seen, chunk])
    const end = seen.indexOf(DELIMITER)
    if (end >= 0) return { ...parseHead(seen.subarray(0, end)), rest: seen.subarray(end + 8) }
    if (seen.length > LIMIT) return { rest: seen }
  }
}

/** Waits for the first chunk of a body without a prelude. Empty if the body is empty. */
export async function readFirstChunk(
  body: Readable,
): Promise<{ head?: ResponseHead; rest: Buffer }> {
  return { rest: (await nextChunk(body)) ?? Buffer.alloc(0) }
}

/** Undefined at the end. The iterator of a stream does the same, and takes far longer. */
async function nextChunk(body: Readable): Promise<Buffer | undefined> {
  for (;;) {
    const chunk: Buffer | null = body.read()
    if (chunk) return chunk
    if (body.readableEnded) return undefined
    await new Promise<void>(resolve => {
      const settle = () => {
        body.off('readable', settle).off('end', settle)
        resolve()
      }
      body.on('readable', settle).on('end', settle)
    })
  }
}

function parseHead(json: Buffer): { head?: ResponseHead } {
  try {
    const head: unknown = JSON.parse(json.toString())
    return isRecord(head) ? { head } : {}
  } catch {
    // Eight NUL bytes in a body without a prelude.
    return {}
  }
}
