/**
 * Writes the trace that it belongs to into its log, as a function of any author could.
 *
 * @param {unknown} _event
 * @param {import('../globals/awslambda.d.ts').Context} context
 */
export const handler = async (_event, context) => {
  const { mcp } = context.clientContext?.custom ?? {}
  console.info(`traced ${JSON.stringify({ mcp, header: process.env._X_AMZN_TRACE_ID })}`)
  return 'done'
}
