// A function with the calling contract `mcp` that does not stream: it returns the final line.

/**
 * @typedef {{
 *   uri: string,
 *   arguments?: { mode?: string },
 *   inputResponses?: { answer?: { content: { answer: string } } },
 *   ref: { type: string },
 *   argument: { value: string },
 * }} Params
 */

/** @param {{ method: string, params: Params, context: { variables?: { id?: string } } }} event */
export const handler = async ({ method, params, context }) => {
  if (params.arguments?.mode === 'throw') throw new TypeError('the disk is full')
  switch (method) {
    case 'tools/call':
      return { result: { content: [{ type: 'text', text: 'buffered' }] } }
    case 'resources/read':
      if (!context.variables?.id) return { error: { code: -32602, message: 'none', data: params } }
      return { result: { contents: [{ uri: params.uri, text: context.variables.id }] } }
    case 'prompts/get': {
      const { answer } = params.inputResponses ?? {}
      if (answer) {
        const content = { type: 'text', text: `Hello ${answer.content.answer}` }
        return { result: { messages: [{ role: 'user', content }] } }
      }
      const requestedSchema = { type: 'object', properties: { answer: { type: 'string' } } }
      const form = { method: 'elicitation/create', params: { message: 'Who?', requestedSchema } }
      return { result: { resultType: 'input_required', inputRequests: { answer: form } } }
    }
    case 'completion/complete':
      if (params.ref.type === 'ref/resource') return { error: { code: -32601, message: 'no' } }
      return { result: { completion: { values: [`${params.argument.value}da`] } } }
  }
  return undefined
}
