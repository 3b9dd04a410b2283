/**
 * Returns what a function gets.
 *
 * @param {unknown} event
 * @param {import('../globals/awslambda.d.ts').Context} context
 */
export const handler = async (event, context) => ({
  event,
  custom: context.clientContext?.custom,
  pid: process.pid,
  tenantId: context.tenantId,
})
