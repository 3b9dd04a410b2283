const base = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime`
/**
 * @param {string} path
 * @param {string} body
 */
const post = async (path, body) => (await fetch(base + path, { method: 'POST', body })).status

/** @param {{ exit?: boolean }} event */
export const handler = async ({ exit }) => {
  if (exit) process.exit(4)
  return [
    await post('/invocation/unknown/response', '{}'),
    await post('/invocation/unknown/error', 'x'),
    await post('/no/such/thing', 'x'),
    await post('/init/error', '{"errorType":'),
  ]
}
