// A plain function with a long name: it takes any arguments.

/** @param {object} event */
export const handler = async event => ({ ...event, word: 'long'.repeat(100) })
