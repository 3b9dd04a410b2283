export type { LocalError, LocalErrorCode } from './errors.ts'
export type { LogEntry } from './log.ts'
export type { Principal } from './principals.ts'
export { type Local, type LocalOptions, startLocal } from './start.ts'
