/** What a function is given, as it is given. */
export const handler = async (event, context) => ({
  event,
  custom: context.clientContext?.custom,
  pid: process.pid,
})
