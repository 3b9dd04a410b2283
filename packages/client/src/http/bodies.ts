// Reading and discarding the bodies of responses. A body that is not read holds its connection, and
// a body that is awaited may never end.

import { ClientError } from '../errors.ts'

const LIMIT = 64 * 1024
const TIMEOUT_MS = 1_000

/** The text of a body, as far as it comes within one second, at most 64 KB. */
export async function beginningOf({ body }: Response): Promise<string> {
  if (!body) return ''
  const reader = body.getReader()
  reader.closed.catch(() => {}) // read() rejects with the same error
  const timer = setTimeout(() => void reader.cancel().catch(() => {}), TIMEOUT_MS)
  const decoder = new TextDecoder()
  let text = ''
  try {
    while (text.length < LIMIT) {
      const { done, value } = await reader.read()
      if (done) break
      text += decoder.decode(value, { stream: true })
    }
  } catch {
    // The body broke off. The text before that is enough.
  } finally {
    clearTimeout(timer)
    reader.cancel().catch(() => {})
  }
  return text
}

/** A body of text to its end; rejects when it is cut, or longer than `limit` characters. */
export async function textOf(response: Response, limit: number): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of chunksOf(response)) {
    text += decoder.decode(chunk, { stream: true })
    if (text.length > limit)
      throw new ClientError('invalid_response', `A response is larger than ${limit} characters`)
  }
  return text + decoder.decode()
}

/** Reads a short body to its end, so that the connection can be reused; cancels a long one. */
export async function drain(response: Response): Promise<void> {
  let length = 0
  try {
    for await (const chunk of chunksOf(response)) {
      length += chunk.byteLength
      if (length > LIMIT) return // leaving the loop cancels the body
    }
  } catch {
    // The content is not needed.
  }
}

/** The chunks of a body, which is cancelled where the loop ends before it. */
async function* chunksOf({ body }: Response): AsyncGenerator<Uint8Array> {
  if (!body) return
  // Not `for await`: streams have no iterator in Safari.
  const reader = body.getReader()
  reader.closed.catch(() => {}) // read() rejects with the same error
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield value
    }
  } finally {
    reader.cancel().catch(() => {})
  }
}

export function discard({ body }: Response): void {
  body?.cancel().catch(() => {}) // the body is gone in both cases
}
