// Tools and a prompt with the calling contract `mcp` that ask the user, or the client's model,
// before they return. The function keeps no state between two calls: the replies come in
// `inputResponses`, and its own state in `requestState`. This is the same for every protocol
// version of the client. The function sends no notification, so it need not stream.

import { choices, contact, named, roots, sampled } from '../requests.mjs'

/**
 * @typedef {{ name: string, arguments?: Record<string, string>, inputResponses?: Record<string, unknown>, requestState?: string }} Params
 * @typedef {{ [key: string]: object | undefined }} Asks
 * @typedef {{ asks: Asks, state?: string }} Round
 */

/**
 * By name: the requests of this round, and the state to keep until their replies.
 *
 * @type {Record<string, (params: Params, clientCapabilities: Record<string, unknown>) => Round>}
 */
const rounds = {
  test_elicitation: ({ arguments: { message = '' } = {} }) => ({ asks: { user: named(message) } }),
  test_sampling: ({ arguments: { prompt = '' } = {} }) => ({ asks: { answer: sampled(prompt) } }),
  test_elicitation_sep1034_defaults: () => ({ asks: { contact } }),
  test_elicitation_sep1330_enums: () => ({ asks: { choices } }),
  test_streaming_elicitation: () => ({ asks: { user_name: named('What is your name?') } }),
  test_missing_capability: () => ({ asks: { answer: sampled('Is there a model?') } }),
  test_input_required_result_elicitation: () => ({
    asks: { user_name: named('What is your name?') },
  }),
  test_input_required_result_sampling: () => ({
    asks: { capital: sampled('What is the capital of France?') },
  }),
  test_input_required_result_list_roots: () => ({ asks: { client_roots: roots } }),
  test_input_required_result_request_state: () => ({
    asks: { confirm: named('Please confirm') },
    state: 'asked',
  }),
  test_input_required_result_tampered_state: () => ({
    asks: { confirm: named('Please confirm') },
    state: 'asked',
  }),
  test_input_required_result_multiple_inputs: () => ({
    asks: {
      user_name: named('What is your name?'),
      greeting: sampled('Generate a greeting'),
      client_roots: roots,
    },
    state: 'asked three things',
  }),
  test_input_required_result_multi_round: ({ requestState }) =>
    requestState === undefined
      ? { asks: { step1: named('Step 1: what is your name?') }, state: 'step 1' }
      : { asks: { step2: named('Step 2: what is your favourite colour?') }, state: 'step 2' },
  test_input_required_result_capabilities: (_params, { elicitation, sampling }) => ({
    asks: {
      ...(elicitation ? { user_name: named('What is your name?') } : {}),
      ...(sampling ? { greeting: sampled('Generate a greeting') } : {}),
    },
  }),
  test_input_required_result_prompt: () => ({
    asks: { user_context: named('What is the context?') },
  }),
}

/**
 * @param {{
 *   method: 'tools/call' | 'prompts/get',
 *   params: Params,
 *   context: { clientCapabilities?: Record<string, unknown> },
 * }} event
 */
export async function handler({ method, params, context: { clientCapabilities = {} } }) {
  const { name, inputResponses: replies, requestState } = params
  const { asks, state } = rounds[name]?.(params, clientCapabilities) ?? { asks: {} }
  if (!Object.keys(asks).every(key => isReply(replies?.[key])))
    return { result: { resultType: 'input_required', inputRequests: asks, requestState: state } }

  const remembered = requestState === undefined ? '' : 'state-ok '
  const content = { type: 'text', text: remembered + JSON.stringify(replies) }
  return method === 'prompts/get'
    ? { result: { messages: [{ role: 'user', content }] } }
    : { result: { content: [content] } }
}

/** @param {unknown} reply */
const isReply = reply => typeof reply === 'object' && reply !== null
