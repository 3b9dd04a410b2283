// A tool that asks the user before it does something. The function keeps nothing while the user thinks: it is called
// again with the answer and runs from its top, so that what must not happen twice stands in `ctx.once`.
import { randomUUID } from 'node:crypto'
import { defineTool } from '@markvp/mcp-lambda-sam/functions'

export const handler = defineTool({
  name: 'order',
  description: 'Orders an item at the price of the day, once the user has confirmed it',
  input: {
    type: 'object',
    properties: {
      item: { type: 'string', minLength: 1 },
      quantity: { type: 'integer', minimum: 1, maximum: 100 },
    },
    required: ['item', 'quantity'],
  },
  annotations: { destructiveHint: true, openWorldHint: true },
  async run({ item, quantity }, ctx) {
    // The price moves; what is ordered is what the user has agreed to.
    const { price } = await ctx.once('quote', () => quote(item))
    const answer = await ctx.elicit('confirm', {
      message: `Order ${quantity} × ${item} for ${(quantity * price).toFixed(2)} €?`,
      schema: {
        type: 'object',
        properties: {
          confirm: { type: 'boolean', title: 'Place the order' },
          note: { type: 'string', title: 'A note to the seller', maxLength: 200 },
        },
        required: ['confirm'],
      },
    })
    if (answer.action !== 'accept' || !answer.content.confirm) return 'Nothing was ordered'

    const number = await ctx.once('order', () => place(item, quantity, answer.content.note))
    return `Ordered ${quantity} × ${item} for ${(quantity * price).toFixed(2)} €: number ${number}`
  },
})

const quote = async item => ({ price: item.length + Math.round(Math.random() * 1000) / 1000 })

/** Stands for the shop. */
const place = async (item, quantity, note = '') => {
  console.log(JSON.stringify({ ordered: item, quantity, note }))
  return randomUUID().slice(0, 8)
}
