import { statsOf } from './stats-of.ts'

/** The first of the paths that is a file. */
export const firstFile = (paths: string[]): string | undefined =>
  paths.find(path => statsOf(path)?.isFile())
