// What becomes of the bodies of answers. One that nobody reads holds its connection, and one that is
// waited for may never end.

import { ClientError } from '../errors.ts'

const LIMIT = 64 * 1024
const TIMEOUT_MS = 1_000

/** As much of a refusal's text as comes at once. */
export async function beginningOf({ body }: Response): Promise<string> {
  if (!body) return ''
  const reader = body.getReader()
  reader.closed.catch(() => {}) // read() rejects with the same, and that one is looked at
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
    // It broke off: what came before is all there is to say.
  } finally {
    clearTimeout(timer)
    reader.cancel().catch(() => {})
  }
  return text
}

/** A body of text to its end; rejects when it is cut, or longer than `limit` characters. */
export async function textOf({ body }: Response, limit: number): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of body ?? []) {
    text += decoder.decode(chunk, { stream: true })
    if (text.length > limit)
      throw new ClientError('invalid_response', `An answer is larger than ${limit} characters`)
  }
  return text + decoder.decode()
}

/** Reads a short body to its end, so that the connection can be used again; gives a long one up. */
export async function drain({ body }: Response): Promise<void> {
  let length = 0
  try {
    for await (const chunk of body ?? []) {
      length += chunk.byteLength
      if (length > LIMIT) return // leaving the loop cancels the body
    }
  } catch {
    // Nobody wanted it.
  }
}

export function discard({ body }: Response): void {
  body?.cancel().catch(() => {}) // it is gone either way
}
