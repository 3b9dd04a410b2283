/** Code that cannot be prepared. A change of one of `files` may repair it. */
export class BrokenCode extends Error {
  /** Some of them do not exist. */
  readonly files: string[]

  constructor(message: string, files: string[], options?: ErrorOptions) {
    super(message, options)
    this.files = files
  }
}
