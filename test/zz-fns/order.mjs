// A tool that asks the user before it acts. The function keeps no state while the user thinks: it
// is called again with the user's reply and runs from the top. `ctx.once` holds what must not
// happen twice.
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
    // The price changes. The order uses the price that the user has confirmed.
    const { price } = await ctx.once('quote', () => quote(item))
    const reply = await ctx.elicit('confirm', {
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
    if (reply.action !== 'accept' || !reply.content.confirm) return 'Nothing was ordered'

    const number = await ctx.once('order', () => place(item, quantity, reply.content.note))
    return `Ordered ${quantity} × ${item} for ${(quantity * price).toFixed(2)} €: number ${number}`
  },
})

/** @param {string} item */
const quote = async item => ({ price: item.length + Math.round(Math.random() * 1000) / 1000 })

/**
 * A stand-in for the API of a shop.
 *
 * @param {string} item
 * @param {number} quantity
 */
const place = async (item, quantity, note = '') => {
  console.log(JSON.stringify({ ordered: item, quantity, note }))
  return randomUUID().slice(0, 8)
}
