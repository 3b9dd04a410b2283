// Prompts with the contract `arguments`, one function behind all of them.

import { png } from '../media.mjs'

const user = content => ({ role: 'user', content })
const text = words => ({ type: 'text', text: words })

const answers = {
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
  return answers[clientContext.custom.mcp.name](args)
}
