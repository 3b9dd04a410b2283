/**
 * Why a local gateway does not start:
 * - `not_built`: the package's `dist` folder has no template.
 * - `port_in_use`: another program listens on a port.
 * - `data_in_use`: another gateway uses the data folder.
 * - `data_incompatible`: the tables in the data folder have other keys.
 * - `tables_not_started`: the DynamoDB process has ended, or refused to create a table.
 * - `python_unusable`: the program of the option `python` is no Python 3.
 * - `unreadable_function`: the file of a function cannot be loaded, or does not describe itself.
 * - `unreadable_template`: the developer's template cannot be read.
 * - `unsupported_template`: the template has a value or reference that is unknown locally.
 */
export type LocalErrorCode =
  | 'not_built'
  | 'port_in_use'
  | 'data_in_use'
  | 'data_incompatible'
  | 'tables_not_started'
  | 'python_unusable'
  | 'unreadable_function'
  | 'unreadable_template'
  | 'unsupported_template'

export class LocalError extends Error {
  override readonly name = 'LocalError'
  readonly code: LocalErrorCode
  /** What to do about it. */
  readonly hint: string

  constructor(code: LocalErrorCode, message: string, hint: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.hint = hint
  }
}
