/** The MCP sessions that clients have opened through the proxy. */
export interface OpenSessions {
  /** Looks at a response of the gateway to a request with these headers. */
  observe(method: string, request: Headers, response: Response): void
  /** Ends them on the server: no other program can, once the proxy is gone. */
  deleteAll(send: (headers: Headers) => Promise<unknown>): Promise<void>
}

/** The oldest is forgotten when there are more. It expires on the server. */
const MAX_SESSIONS = 10_000

export function createOpenSessions(): OpenSessions {
  /** The headers that belong to each session. */
  const sessions = new Map<string, [string, string][]>()

  return {
    observe(method, request, response) {
      const begun = response.headers.get('mcp-session-id')
      const used = request.get('mcp-session-id')
      if (used && (response.status === 404 || (method === 'DELETE' && response.ok)))
        sessions.delete(used)
      else if (begun && response.ok) remember(begun, request)
    },
    async deleteAll(send) {
      const all = [...sessions]
      sessions.clear()
      await Promise.allSettled(
        all.map(([id, headers]) => send(new Headers([...headers, ['mcp-session-id', id]]))),
      )
    },
  }

  function remember(id: string, request: Headers) {
    const version = request.get('mcp-protocol-version')
    sessions.set(id, version ? [['mcp-protocol-version', version]] : [])
    const [oldest] = sessions.keys()
    if (sessions.size > MAX_SESSIONS && oldest !== undefined) sessions.delete(oldest)
  }
}
