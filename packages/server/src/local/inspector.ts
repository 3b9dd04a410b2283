import { createServer } from 'node:net'

/**
 * What to print of a line on stderr: the address of a debugger in place of Node's own lines about
 * it, and every other line as it is.
 */
export function inspectAddress(line: string): string | undefined {
  const [, address] = /^Debugger listening on ws:\/\/([\d.:]+)\//.exec(line) ?? []
  if (address) return `A debugger can attach to ${address}`
  return /^For help, see: https:\/\/nodejs\.org\/.*inspector/.test(line) ? undefined : line
}

/** The port itself if it is free now, else 0: another free one. */
export function freeOrAny(port: number): Promise<number> {
  return new Promise(resolve => {
    const server = createServer()
      .once('error', () => resolve(0))
      .listen(port, '127.0.0.1', () => server.close(() => resolve(port)))
  })
}
