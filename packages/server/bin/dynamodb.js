// The tables of the local gateway, in a process of their own: their work would hold up everything else, and
// what dynalite throws when a request breaks off must not end the gateway. Argument: the folder to keep them in.
import dynalite from 'dynalite'

const [path] = process.argv.slice(2)
const server = dynalite({
  ...(path && { path }),
  // The waits would be half a second each, as if AWS were at work.
  createTableMs: 0,
  deleteTableMs: 0,
  updateTableMs: 0,
})
// It throws when a request breaks off, and a function that is killed breaks its requests off.
server.on('request', request => request.removeAllListeners('error').on('error', () => {}))
server.listen(0, '127.0.0.1', () => process.send(server.address().port))

// The gateway is gone, however it ended.
process.on('disconnect', () => process.exit())
// Ctrl-C reaches every process of the terminal; this one ends when the gateway says so.
process.on('SIGINT', () => {})
