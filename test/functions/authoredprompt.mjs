import { definePrompt } from '@markvp/mcp-lambda-sam-functions'

export const handler = definePrompt({
  name: 'authoredprompt',
  arguments: [{ name: 'topic', required: true }, { name: 'tone' }],
  async get({ topic, tone = 'neutral' }, ctx) {
    const { action } = await ctx.elicit('form', { message: 'form?' })
    return `${topic}, ${tone}, ${action}`
  },
})
