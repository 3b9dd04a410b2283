// A tool with every kind of field that a form has. It reports progress, logs, and asks.
import { defineTool } from '@markvp/mcp-lambda-sam-functions'

export const handler = defineTool({
  name: 'booking',
  title: 'Book a table',
  description: 'Books a table in a restaurant, once the person has confirmed the price.',
  input: {
    type: 'object',
    properties: {
      restaurant: { type: 'string', minLength: 2, description: 'Name of the restaurant' },
      guests: { type: 'integer', minimum: 1, maximum: 12 },
      budget: { type: 'number', description: 'Euros for each guest' },
      outside: { type: 'boolean' },
      seating: { type: 'string', enum: ['window', 'bar', 'garden'], default: 'window' },
      dishes: { type: 'array', items: { type: 'string' } },
      diets: { type: 'array', items: { type: 'string', enum: ['vegan', 'halal', 'kosher'] } },
      contact: {
        type: 'object',
        description: 'Who gets the confirmation',
        properties: { email: { type: 'string', format: 'email' }, phone: { type: 'string' } },
        required: ['email'],
      },
      extra: { description: 'Any JSON' },
    },
    required: ['restaurant', 'guests'],
  },
  annotations: { destructiveHint: true },
  async run(args, ctx) {
    await ctx.log('info', `looking for a table for ${args.guests}`)
    await ctx.progress(1, { total: 3, message: 'Looking for a table' })
    const reply = await ctx.elicit('confirm', {
      message: `Book ${args.restaurant} for ${args.guests} guests?`,
      schema: {
        type: 'object',
        properties: {
          confirm: { type: 'boolean', title: 'Book the table' },
          time: { type: 'string', enum: ['18:00', '20:00'], title: 'When' },
          note: { type: 'string', title: 'A note to the kitchen' },
        },
        required: ['confirm', 'time'],
      },
    })
    if (reply.action !== 'accept') return `Nothing was booked: ${reply.action}`
    return { booked: args, at: reply.content.time, note: reply.content.note ?? null }
  },
})
