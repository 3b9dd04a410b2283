import type { Readable } from 'node:stream'

/** Status and headers of a response; in front of the body when it is streamed, around it when it is buffered. */
export interface Head {
  statusCode?: number
  headers?: Record<string, string>
  cookies?: string[]
}

export const PRELUDE_TYPE = 'application/vnd.awslambda.http-integration-response'

const LIMIT = 1024 * 1024
const DELIMITER = Buffer.alloc(8)

/**
 * Takes the prelude off a stream, up to the eight NUL bytes that close it, as soon as they are there. `rest`
 * is what was read beyond it, or everything that was read when there is no prelude.
 */
export async function takePrelude(body: Readable): Promise<{ head?: Head; rest: Buffer }> {
  let seen: Buffer = Buffer.alloc(0)
  for await (const chunk of body.iterator({ destroyOnReturn: false })) {
    seen = Buffer.concat([seen, chunk as Buffer])
    const end = seen.indexOf(DELIMITER)
    if (end >= 0) return { ...parse(seen.subarray(0, end)), rest: seen.subarray(end + 8) }
    if (seen.length > LIMIT) break
  }
  return { rest: seen }
}

/** Waits for the first piece of a body without a prelude; empty when there is none. */
export async function takeFirst(body: Readable): Promise<{ head?: Head; rest: Buffer }> {
  for await (const chunk of body.iterator({ destroyOnReturn: false }))
    return { rest: chunk as Buffer }
  return { rest: Buffer.alloc(0) }
}

function parse(json: Buffer): { head?: Head } {
  try {
    return { head: JSON.parse(json.toString()) }
  } catch {
    // eight NUL bytes in something that is no prelude
    return {}
  }
}
