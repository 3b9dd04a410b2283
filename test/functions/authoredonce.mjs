// A tool whose confirmation can be used once. It leaves a word for each run that was confirmed.
import { appendFileSync } from 'node:fs'
import { defineTool } from '@markvp/mcp-lambda-sam-functions'
import { z } from 'zod'

export const handler = defineTool({
  name: 'authoredonce',
  singleUse: true,
  input: z.object({ file: z.string() }),
  async run({ file }, ctx) {
    const { action } = await ctx.elicit('sure', { message: 'Sure?' })
    appendFileSync(file, `${action} `)
    return action
  },
})
