import { definePrompt } from '@markvp/mcp-lambda-sam-functions'

export const handler = definePrompt({
  name: 'review',
  description: 'Asks for the review of a text',
  arguments: [{ name: 'text', description: 'What to review', required: true }],
  get: ({ text }) => `Review this text: ${text}`,
})
