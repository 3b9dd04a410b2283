// Tools and a prompt with the contract `mcp` that ask the user, or the client's model, before they answer. The
// function keeps nothing in between: what it was told comes back in `inputResponses`, what it wants to remember
// in `requestState`, whatever the revision the client speaks. It writes no notification, so it need not stream.

import { choices, contact, named, roots, sampled } from '../requests.mjs'

/** By name: what must be answered in this round, and what to remember until then. */
const rounds = {
  test_elicitation: ({ arguments: { message } }) => ({ asks: { user: named(message) } }),
  test_sampling: ({ arguments: { prompt } }) => ({ asks: { answer: sampled(prompt) } }),
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
      ...(elicitation && { user_name: named('What is your name?') }),
      ...(sampling && { greeting: sampled('Generate a greeting') }),
    },
  }),
  test_input_required_result_prompt: () => ({
    asks: { user_context: named('What is the context?') },
  }),
}

/**
 * @param {{
 *   method: 'tools/call' | 'prompts/get',
 *   params: { name: string, inputResponses?: Record<string, unknown>, requestState?: string },
 *   context: { clientCapabilities?: Record<string, unknown> },
 * }} event
 */
export async function handler({ method, params, context: { clientCapabilities = {} } }) {
  const { name, inputResponses: answers, requestState } = params
  const { asks, state } = rounds[name](params, clientCapabilities)
  if (!Object.keys(asks).every(key => isAnswer(answers?.[key])))
    return { result: { resultType: 'input_required', inputRequests: asks, requestState: state } }

  const remembered = requestState === undefined ? '' : 'state-ok '
  const content = { type: 'text', text: remembered + JSON.stringify(answers) }
  return method === 'prompts/get'
    ? { result: { messages: [{ role: 'user', content }] } }
    : { result: { content: [content] } }
}

const isAnswer = answer => typeof answer === 'object' && answer !== null
