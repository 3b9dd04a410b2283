import { appendFileSync, existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Does in a buffered response what two modes of `test/functions/contract.mjs` do in a stream:
 * `rounds` asks three times, and `ticks` runs as long as the file exists.
 *
 * @param {{ params: {
 *   arguments: { mode: string, file: string },
 *   inputResponses?: { next?: { content?: { answer: string } } },
 *   requestState?: string,
 * } }} event
 */
export const handler = async ({ params: { arguments: args, inputResponses, requestState } }) => {
  if (args.mode === 'ticks') {
    appendFileSync(args.file, 'ran')
    while (existsSync(args.file)) await sleep(20)
    return text('ended')
  }
  const said = requestState ? JSON.parse(requestState) : []
  if (inputResponses) said.push(inputResponses.next?.content?.answer)
  if (said.length === 3) return text(said.join())
  const requestedSchema = { type: 'object', properties: { answer: { type: 'string' } } }
  const form = { method: 'elicitation/create', params: { message: 'Next?', requestedSchema } }
  const inputRequests = { next: form }
  return {
    result: { resultType: 'input_required', inputRequests, requestState: JSON.stringify(said) },
  }
}

/** @param {string} it */
const text = it => ({ result: { content: [{ type: 'text', text: it }] } })
