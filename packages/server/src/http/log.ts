/**
 * Named fields of a log entry, never a payload or a credential. `requestId` is the Lambda request
 * id, where it is known.
 */
export interface LogFields {
  requestId?: string
  [name: string]: unknown
}

/**
 * Structured log entries. The console gets an object, not its JSON text: with `LogFormat: JSON`
 * Lambda stores an object as fields that CloudWatch can filter, and a text as one string. The
 * console method is the level.
 * https://docs.aws.amazon.com/lambda/latest/dg/nodejs-logging.html#nodejs-logging-advanced
 */
export const log = {
  info: (message: string, fields?: LogFields) => console.info({ message, ...fields }),
  warn: (message: string, fields?: LogFields) => console.warn({ message, ...fields }),
  error: (message: string, fields?: LogFields) => console.error({ message, ...fields }),
}
