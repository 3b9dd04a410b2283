// The requests that a function may send to a client, as MCP defines them.

/**
 * @param {string} message
 * @param {Record<string, object>} properties
 * @param {string[]} [required]
 */
const form = (message, properties, required = []) => ({
  method: 'elicitation/create',
  params: { message, requestedSchema: { type: 'object', properties, required } },
})

/** @param {string} message */
export const named = message => form(message, { name: { type: 'string' } }, ['name'])

/** @param {string} text */
export const sampled = text => ({
  method: 'sampling/createMessage',
  params: { messages: [{ role: 'user', content: { type: 'text', text } }], maxTokens: 100 },
})

export const roots = { method: 'roots/list', params: {} }

/** Every type of field, each with a default (SEP-1034). */
export const contact = form('Please check your details', {
  name: { type: 'string', default: 'John Doe' },
  age: { type: 'integer', default: 30 },
  score: { type: 'number', default: 95.5 },
  status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
  verified: { type: 'boolean', default: true },
})

const titled = [
  { const: 'value1', title: 'First option' },
  { const: 'value2', title: 'Second option' },
  { const: 'value3', title: 'Third option' },
]

/** Every way to let a user choose (SEP-1330). */
export const choices = form('Please choose', {
  untitledSingle: { type: 'string', enum: ['option1', 'option2', 'option3'] },
  titledSingle: { type: 'string', oneOf: titled },
  legacyEnum: {
    type: 'string',
    enum: ['opt1', 'opt2', 'opt3'],
    enumNames: ['Option one', 'Option two', 'Option three'],
  },
  untitledMulti: { type: 'array', items: { type: 'string', enum: ['option1', 'option2'] } },
  titledMulti: { type: 'array', items: { anyOf: titled } },
})
