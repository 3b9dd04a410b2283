// A tool made with `defineTool`, in a runtime that does not stream.
Reflect.deleteProperty(globalThis, 'awslambda')
const { defineTool } = await import('@markvp/mcp-lambda-sam-functions')

export const handler = defineTool({
  name: 'authoredbuffered',
  async run(_, ctx) {
    await ctx.progress(1)
    const { action } = await ctx.elicit('form', { message: 'form?' })
    return action
  },
})
