import http from 'node:http'
import https from 'node:https'
import type { Duplex } from 'node:stream'

/**
 * A socket that was idle for longer is not used again. A frozen environment resumes with sockets
 * that the service has closed meanwhile, and a call that is lost on one must not be repeated.
 */
const MAX_IDLE_MS = 50_000

/** Keeps the sockets of finished requests for later ones, for `http:` or `https:`. */
export function keptAliveSockets(protocol: string, maxSockets: number) {
  const { Agent, request } = protocol === 'http:' ? http : https
  // The socket that was used last is used next, so that the others become idle.
  const agent: http.Agent = new Agent({ keepAlive: true, maxSockets, scheduling: 'lifo' })
  const idleSince = new WeakMap<Duplex, number>()
  const keepSocketAlive = agent.keepSocketAlive.bind(agent)
  agent.keepSocketAlive = socket => {
    idleSince.set(socket, Date.now())
    return keepSocketAlive(socket)
  }

  return {
    request(options: http.RequestOptions): http.ClientRequest {
      for (const sockets of Object.values(agent.freeSockets))
        for (const socket of sockets ?? [])
          if (Date.now() - (idleSince.get(socket) ?? 0) > MAX_IDLE_MS) socket.destroy()
      return request({ ...options, agent })
    },
  }
}
