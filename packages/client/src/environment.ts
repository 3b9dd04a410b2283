/** A variable of the environment. Browsers and Workers have no `process`. */
export const environmentVariable = (name: string): string | undefined =>
  globalThis.process?.env?.[name]
