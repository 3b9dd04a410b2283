// Prompts with the calling contract `arguments`. One function serves all of them.

import { png } from '../media.mjs'

/** @param {object} content */
const user = content => ({ role: 'user', content })
/** @param {string} words */
const text = words => ({ type: 'text', text: words })

/** @type {Record<string, (args: Record<string, string>) => unknown>} */
const outputs = {
  test_simple_prompt: () => 'This is a simple prompt for testing.',
  test_prompt_with_arguments: ({ arg1, arg2 }) => `The arguments are "${arg1}" and "${arg2}".`,
  test_prompt_with_embedded_resource: ({ resourceUri: uri }) => ({
    messages: [
      user({
        type: 'resource',
        resource: { uri, mimeType: 'text/plain', text: `Text of ${uri}.` },
      }),
      user(text('Please process the embedded resource above.')),
    ],
  }),
  test_prompt_with_image: () => ({
    messages: [
      user({ type: 'image', data: png, mimeType: 'image/png' }),
      user(text('Please analyze the image above.')),
    ],
  }),
}

/**
 * @param {Record<string, string>} args
 * @param {{ clientContext: { custom: { mcp: { name: string } } } }} context
 */
export async function handler(args, { clientContext }) {
  return outputs[clientContext.custom.mcp.name]?.(args)
}
