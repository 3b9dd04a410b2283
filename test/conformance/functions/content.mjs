// Tools with the calling contract `arguments`. One function serves all of them: the client
// context has the name.

import { png, wav } from '../media.mjs'

const text = { type: 'text', text: 'This is a simple text response for testing.' }
const image = { type: 'image', data: png, mimeType: 'image/png' }
const audio = { type: 'audio', data: wav, mimeType: 'audio/wav' }
const resource = {
  type: 'resource',
  resource: { uri: 'test://embedded', mimeType: 'text/plain', text: 'An embedded resource.' },
}

/** @type {Record<string, (args: Record<string, unknown>) => unknown>} */
const outputs = {
  test_simple_text: () => text.text,
  test_image_content: () => ({ content: [image] }),
  test_audio_content: () => ({ content: [audio] }),
  test_embedded_resource: () => ({ content: [resource] }),
  test_multiple_content_types: () => ({ content: [text, image, resource] }),
  test_error_handling: () => ({ statusCode: 500, body: 'This tool always fails.' }),
  json_schema_2020_12_tool: args => args,
  test_x_mcp_header: ({ region }) => `The region is ${region}.`,
}

/**
 * @param {Record<string, unknown>} args
 * @param {{ clientContext: { custom: { mcp: { name: string } } } }} context
 */
export async function handler(args, { clientContext }) {
  return outputs[clientContext.custom.mcp.name]?.(args)
}
