// The tables of the local gateway, in a process of their own. Their work must not hold up the
// gateway, and an exception of dynalite must not end it. Argument: the folder that keeps the data
// (optional).
import type { IncomingMessage, Server } from 'node:http'
import type { AddressInfo } from 'node:net'

// @ts-expect-error dynalite has no type declarations.
import dynalite from 'dynalite'

const [path] = process.argv.slice(2)
const server: Server = dynalite({
  ...(path && { path }),
  // By default dynalite imitates the delays of AWS, half a second each.
  createTableMs: 0,
  deleteTableMs: 0,
  updateTableMs: 0,
})
// dynalite throws when a request is aborted. A function that is killed aborts its requests.
server.on('request', (request: IncomingMessage) =>
  request.removeAllListeners('error').on('error', () => {}),
)
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))

// The gateway has ended, normally or not.
process.on('disconnect', () => process.exit())
// Ctrl-C reaches every process of the terminal. This process ends when the gateway disconnects.
process.on('SIGINT', () => {})
