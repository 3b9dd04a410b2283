import { statsOf } from './stats-of.ts'

/** Changes when one of the files changes. */
export function fingerprint(files: string[]): string {
  const states = files.map(file => {
    const stats = statsOf(file)
    return stats ? `${stats.mtimeMs}/${stats.size}` : 'deleted'
  })
  return states.join()
}
