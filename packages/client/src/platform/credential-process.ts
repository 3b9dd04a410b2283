import { exec } from 'node:child_process'

interface Output {
  stdout: string
  stderr: string
}

/**
 * Runs the command of `credential_process` in place of the SDK. The SDK leaves the stdin of the
 * command open, and a command that reads it, such as one that asks for a code, would wait forever.
 */
export function runWithoutInput(
  command: string,
  callback: (error: Error | null, output: Output) => void,
): void {
  const done = (error: Error | null, stdout: string, stderr: string) =>
    callback(error, { stdout, stderr })
  const { stdin } = exec(command, { windowsHide: true }, done)
  stdin?.on('error', () => {}) // the command may have closed it
  stdin?.end()
}
