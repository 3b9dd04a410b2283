import type { LambdaFunction } from '../lambda-function.ts'

/** The functions of a developer: those in a folder, or those that a template names. */
export interface FunctionSource {
  /** Where they are, for the log. */
  readonly place: string
  /** All functions, by name. Reads again what has changed. */
  read(): Promise<FoundFunction[]>
  has(name: string): Promise<boolean>
  /** Returns the same object until a file changes. Rejects with the reason if it cannot run. */
  find(name: string): Promise<LambdaFunction | undefined>
}

/** A function, or the reason why it cannot run. */
export type FoundFunction = { name: string } & (
  | { fn: LambdaFunction; file: string; description?: string }
  | { problem: string }
)
