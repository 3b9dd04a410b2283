// What holds for every response of the gateway, whatever was sent.

/** @typedef {import('./gateway.mjs').UrlEvent} UrlEvent */
/** @typedef {import('./gateway.mjs').HttpResponse} HttpResponse */

/** Texts that the gateway makes are short. What a function returned may be long. */
const MAX_ERROR_LENGTH = 16 * 1024
/** Inner parts that no client should see. */
const LEAK = /\n\s+at \S+ \(|node_modules|"invalid_type"|"code":"[a-z]+_[a-z]+","path":|ZodError/
const INTERNAL_ERROR = -32_603

/**
 * The problems of a response; none where it is right.
 *
 * @param {UrlEvent} event
 * @param {string} sent the body of the request
 * @param {HttpResponse} response
 */
export function checkResponse(event, sent, { status, headers, body }) {
  const { method } = event.requestContext.http
  const problems = []
  if (!(status >= 200 && status < 500)) problems.push(`status ${status}: ${body.slice(0, 200)}`)
  // Only the registration function has responses without a body. Its URL does not stream.
  const mayBeEmpty = method === 'HEAD' || status === 204
  if (body === '' && !mayBeEmpty) problems.push(`an empty response of status ${status}`)
  const type = headers['content-type'] ?? ''
  /** @type {unknown[]} */
  let messages = []
  if (type.startsWith('application/json') && body.trim() !== '') {
    try {
      messages = [JSON.parse(body)].flat()
    } catch {
      problems.push(`no JSON: ${body.slice(0, 100)}`)
    }
  } else if (type.startsWith('text/event-stream')) messages = dataOf(body, problems)
  for (const message of messages) problems.push(...checkError(message, status))
  problems.push(...checkCount(event, sent, { status, headers, body }, messages))
  return problems
}

/**
 * @param {unknown} message
 * @param {number} status
 */
function checkError(message, status) {
  if (typeof message !== 'object' || message === null || !('error' in message))
    return status >= 400 ? ['an error status without an error'] : []
  const { error } = /** @type {{ error: { code?: unknown, message?: unknown } }} */ (message)
  if (typeof error?.message !== 'string' || !['string', 'number'].includes(typeof error.code))
    return [`an error without code and message: ${JSON.stringify(error).slice(0, 200)}`]
  const problems = []
  const { length } = error.message
  if (length > MAX_ERROR_LENGTH) problems.push(`an error message of ${length} characters`)
  if (LEAK.test(error.message)) problems.push(`inner parts: ${error.message.slice(0, 300)}`)
  // A function that fails is an internal error for all but tools.
  if (error.code === INTERNAL_ERROR && !/\bfunction\b/i.test(error.message))
    problems.push(`an internal error: ${error.message.slice(0, 200)}`)
  return problems
}

/**
 * A single request to `/mcp` that is not refused has one response, with its id.
 *
 * @param {UrlEvent} event
 * @param {string} sent
 * @param {HttpResponse} response
 * @param {unknown[]} messages
 */
function checkCount(event, sent, { status }, messages) {
  if (event.rawPath !== '/mcp' || event.requestContext.http.method !== 'POST' || status !== 200)
    return []
  let request
  try {
    request = JSON.parse(sent.replace(/^\ufeff/, ''))
  } catch {
    return []
  }
  if (!isRequestId(request?.id) || request.method === undefined) return []
  if (request.method === 'subscriptions/listen') return []
  const ids = messages
    .filter(it => typeof it === 'object' && it !== null && !('method' in it))
    .map(it => JSON.stringify(/** @type {{ id?: unknown }} */ (it).id))
  const id = JSON.stringify(request.id)
  return ids.length === 1 && ids[0] === id
    ? []
    : [`the id ${id.slice(0, 80)} got ${ids.length} responses: ${ids.join().slice(0, 80)}`]
}

/**
 * The messages of an event stream.
 *
 * @param {string} text
 * @param {string[]} problems
 */
function dataOf(text, problems) {
  const messages = []
  for (const block of text.split('\n\n')) {
    if (/^event: (?!message)/m.test(block)) continue
    const [, data] = /^data: (.+)$/m.exec(block) ?? []
    if (data === undefined) continue
    try {
      messages.push(JSON.parse(data))
    } catch {
      problems.push(`an event without JSON: ${data.slice(0, 100)}`)
    }
  }
  if (/[\u2028\u2029\u0085]/.test(text)) problems.push('a line separator that is not escaped')
  return messages
}

/**
 * How many responses an event stream has for an id, which is given as JSON.
 *
 * @param {string} text
 * @param {string} id
 */
export function countOf(text, id) {
  return dataOf(text, []).filter(
    it => !('method' in it) && 'id' in it && JSON.stringify(it.id) === id,
  ).length
}

/**
 * @param {unknown} id
 * @returns {id is string | number}
 */
export const isRequestId = id => typeof id === 'string' || Number.isInteger(id)
