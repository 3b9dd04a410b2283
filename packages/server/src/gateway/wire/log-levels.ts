/** https://modelcontextprotocol.io/specification/2025-11-25/server/utilities/logging */
const LOG_LEVELS = new Set<unknown>([
  'debug',
  'info',
  'notice',
  'warning',
  'error',
  'critical',
  'alert',
  'emergency',
])

export const isLogLevel = (level: unknown): level is string => LOG_LEVELS.has(level)
