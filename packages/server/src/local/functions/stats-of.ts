import { type Stats, statSync } from 'node:fs'

/**
 * What is at a path, links followed. Undefined where nothing is, or where it cannot be read.
 *
 * It waits for the disk. Each invoke looks at some fifteen paths, and not to wait costs ten times
 * the processor time.
 */
export function statsOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })
  } catch {
    return undefined
  }
}
