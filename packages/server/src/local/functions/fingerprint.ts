import { stat } from 'node:fs/promises'

/** Changes when one of the files changes. */
export async function fingerprint(files: string[]): Promise<string> {
  const states = await Promise.all(
    files.map(file =>
      stat(file).then(
        ({ mtimeMs, size }) => `${mtimeMs}/${size}`,
        () => 'deleted',
      ),
    ),
  )
  return states.join()
}
