// The DynamoDB of the local gateway. It has a process of its own: its work would block the gateway,
// and an exception of dynalite must not end the gateway. Argument: the folder for the tables.
import dynalite from 'dynalite'

const [path] = process.argv.slice(2)
const server = dynalite({
  ...(path && { path }),
  // By default each of these takes half a second, as on AWS.
  createTableMs: 0,
  deleteTableMs: 0,
  updateTableMs: 0,
})
// dynalite throws when a request is aborted. A killed function aborts its requests.
server.on('request', request => request.removeAllListeners('error').on('error', () => {}))
server.listen(0, '127.0.0.1', () => process.send(server.address().port))

// The gateway has ended, for any reason.
process.on('disconnect', () => process.exit())
// Ctrl-C reaches every process of the terminal. The gateway ends this one.
process.on('SIGINT', () => {})
