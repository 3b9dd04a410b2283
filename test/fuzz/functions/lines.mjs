/**
 * A function with the calling contract `mcp`. It reports progress, then returns its arguments.
 *
 * @param {{ method: string, params: Record<string, unknown> }} event
 */
export const handler = awslambda.streamifyResponse(
  async (/** @type {{ method: string, params: Record<string, unknown> }} */ event, stream) => {
    const { method, params } = event
    const text = JSON.stringify(params).slice(0, 10_000)
    const results = {
      'resources/read': { contents: [{ uri: String(params.uri), text }] },
      'prompts/get': { messages: [{ role: 'user', content: { type: 'text', text } }] },
      'completion/complete': { completion: { values: ['one', 'two'] } },
      'tools/call': { content: [{ type: 'text', text }] },
    }
    const progress = { method: 'notifications/progress', params: { progress: 1, total: 2 } }
    stream.write(`${JSON.stringify(progress)}\n`)
    const result = results[/** @type {keyof typeof results} */ (method)]
    stream.write(`${JSON.stringify({ result })}\n`)
    stream.end()
  },
)
