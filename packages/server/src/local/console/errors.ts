import type { Problem } from './messages.ts'

/** A problem that the page shows. */
class ConsoleError extends Error {
  override readonly name = 'ConsoleError'
  readonly problem: Problem

  constructor(problem: Problem) {
    super(problem.message)
    this.problem = problem
  }
}

export const consoleError = (code: string, message: string, hint?: string) =>
  new ConsoleError({ code, message, ...(hint !== undefined && { hint }) })

/** Of a `ConsoleError`, and of an error of our clients, which has a `code` and a `hint`. */
export function problemOf(error: unknown): Problem {
  if (error instanceof ConsoleError) return error.problem
  const { code = 'internal_error', message, hint } = error as Partial<Problem>
  return { code: String(code), message: String(message), ...(hint && { hint: String(hint) }) }
}
