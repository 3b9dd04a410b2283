import { stat } from 'node:fs/promises'

/** The first of the paths that is a file. */
export async function firstFile(paths: string[]): Promise<string | undefined> {
  for (const path of paths) if ((await stat(path).catch(() => undefined))?.isFile()) return path
  return undefined
}
