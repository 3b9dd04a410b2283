// Reports progress until it is cancelled or out of time.
import { setTimeout } from 'node:timers/promises'
import { defineTool } from '@markvp/mcp-lambda-sam-functions'

export const handler = defineTool({
  name: 'slow',
  description: 'Works for the number of steps that it is given',
  input: {
    type: 'object',
    properties: { steps: { type: 'integer', default: 200 } },
    required: ['steps'],
  },
  async run({ steps }, ctx) {
    for (let step = 1; step <= steps; step++) {
      await ctx.progress(step, { total: steps, message: `Step ${step}` })
      await setTimeout(100)
    }
    return 'done'
  },
})
