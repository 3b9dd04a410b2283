/**
 * Loads a file of the user that is code. What it prints goes to stderr: stdout has the result of
 * the command, for other programs. A file that ends the process does not look like a success.
 */
export async function loadingFile<Value>(file: string, load: () => Promise<Value>): Promise<Value> {
  const { write } = process.stdout
  const ended = () => {
    process.exitCode = 1
    console.error(
      `${file} does not load: it ends the process, or waits for what never happens.\nRemove that from the file: it runs whenever the file is loaded.`,
    )
  }
  process.stdout.write = process.stderr.write.bind(process.stderr) as typeof write
  process.once('exit', ended)
  try {
    return await load()
  } finally {
    process.off('exit', ended)
    process.stdout.write = write
  }
}
