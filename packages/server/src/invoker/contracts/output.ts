import { isRecord } from '../../is-record.ts'
import { isDeeperThan, MAX_DEPTH } from '../../json/depth.ts'
import type { Outcome } from '../invoker.ts'
import type { Media } from './http-response.ts'

/** The output of a function with the calling contract `arguments`. */
export type Output =
  | {
      /** Undefined for no output. */
      value: unknown
      /** A string value itself; of any other value the JSON as the function wrote it. */
      text: string
      /** Of an HTTP response. */
      mimeType?: string | undefined
    }
  | { media: Media }
  /** `status` is that of an HTTP response. */
  | { failure: string; status?: number }

const NOTHING = { value: undefined, text: '' }

/** Parses the output, and unwraps it where it is an HTTP response: `{statusCode, body}`. */
export async function parseOutput(outcome: Outcome): Promise<Output> {
  if ('failure' in outcome) return outcome
  const { payload } = outcome
  if (payload.trim() === '') return NOTHING
  let value: unknown
  try {
    value = JSON.parse(payload)
  } catch {
    return { failure: 'The function output is not JSON' }
  }
  if (isDeeperThan(MAX_DEPTH, payload))
    return {
      failure: `The function output is nested deeper than ${MAX_DEPTH} levels: return it as a string`,
    }
  const unwrapped =
    isRecord(value) && 'statusCode' in value ? await unwrap(value, payload) : undefined
  return unwrapped ?? { value, text: textOf(value, payload) }
}

/** Loaded for the first such output. Undefined for a value that is no HTTP response. */
async function unwrap(value: object, json: string): Promise<Output | undefined> {
  const { bodyOf, httpResponseIn } = await import('./http-response.ts')
  const response = httpResponseIn(value)
  if (!response) return undefined
  const { statusCode } = response
  const body = bodyOf(response, json)
  if ('fault' in body)
    return { failure: `The function returned an HTTP response that cannot be read: ${body.fault}` }
  if (statusCode >= 400) {
    const detail = 'media' in body ? `a body of ${body.media.mimeType ?? 'bytes'}` : body.text
    const reason = detail === '' || detail === 'null' ? '' : `: ${detail}`
    return { failure: `The function returned status ${statusCode}${reason}`, status: statusCode }
  }
  if ('media' in body) return body
  const { text, isText, mimeType } = body
  if (text === '' && !isText) return NOTHING
  const content = isText ? parseBody(text) : response.body
  return { value: content, text: textOf(content, text), mimeType }
}

const textOf = (value: unknown, json: string) => (typeof value === 'string' ? value : json)

/** Parses a body that is a JSON object or list. Any other body is text. */
function parseBody(body: string): unknown {
  const first = body.trimStart()[0]
  if (first !== '{' && first !== '[') return body
  try {
    const value: unknown = JSON.parse(body)
    return isDeeperThan(MAX_DEPTH, body) ? body : value
  } catch {
    return body
  }
}
