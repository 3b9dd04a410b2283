// A plain function with a long name: it takes any arguments.
export const handler = async event => ({ ...event, word: 'long'.repeat(100) })
