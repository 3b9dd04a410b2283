// What the two proxies of the conformance run share.

/**
 * Starts a server on a free port of the loopback address and resolves with the port.
 *
 * @param {import('node:http').Server} server
 * @returns {Promise<number>}
 */
export async function listen(server) {
  await new Promise(resolve => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  return address.port
}

/**
 * Ends a server and its open connections.
 *
 * @param {import('node:http').Server} server
 */
export async function close(server) {
  server.closeAllConnections()
  await new Promise(resolve => server.close(resolve))
}

/**
 * The headers whose names are wanted, as `fetch` takes them.
 *
 * @param {import('node:http').IncomingHttpHeaders} headers
 * @param {(name: string) => boolean} isWanted
 * @returns {Record<string, string>}
 */
export function passed(headers, isWanted) {
  const wanted = Object.entries(headers).filter(([name]) => isWanted(name))
  return Object.fromEntries(wanted.map(([name, value]) => [name, String(value)]))
}
