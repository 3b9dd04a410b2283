import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

export interface Call {
  operation: 'AddPermission' | 'GetPolicy' | 'RemovePermission' | 'Invoke'
  /** Of the function, with its qualifier. */
  resource: string
  /** That the request was signed for. */
  region: string
}

/** An answer in the place of Lambda's, or none: the connection breaks. */
export type Answer = { status: number; type?: string; body: object } | 'cut'

type Hook = (
  call: Call,
  when: 'before' | 'after',
) => Promise<Answer | undefined> | Answer | undefined

/**
 * The network between whoever calls and a Lambda API, where a call can be held, refused or lost. Passes the rest on
 * untouched, so signatures stay valid.
 */
export async function startEdge(upstream = '') {
  const edge = {
    url: '',
    /** Where the Lambda API is. */
    upstream,
    /** As they came in. */
    calls: [] as Call[],
    hook: (() => undefined) as Hook,
    async close() {
      server.closeAllConnections()
      await new Promise(closed => server.close(closed))
    },
  }
  const server = createServer(
    (incoming, outgoing) => void pass(incoming, outgoing).catch(() => outgoing.destroy()),
  ).listen(0, '127.0.0.1')
  await once(server, 'listening')
  edge.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  return edge

  async function pass(incoming: IncomingMessage, outgoing: ServerResponse) {
    const body = await buffer(incoming)
    const call = callOf(incoming)
    edge.calls.push(call)
    const instead = await edge.hook(call, 'before')
    if (instead) return answer(outgoing, instead)
    const { method, url, headers } = incoming
    const forwarded = request(new URL(url ?? '/', edge.upstream), { method, headers })
    forwarded.end(body)
    const [reply] = (await once(forwarded, 'response')) as [IncomingMessage]
    const content = await buffer(reply)
    const after = await edge.hook(call, 'after')
    if (after) return answer(outgoing, after)
    outgoing.writeHead(reply.statusCode ?? 500, reply.headers).end(content)
  }
}

function answer(outgoing: ServerResponse, given: Answer) {
  if (given === 'cut') return void outgoing.destroy()
  const { status, type, body } = given
  const headers = { 'content-type': 'application/json', ...(type && { 'x-amzn-errortype': type }) }
  outgoing.writeHead(status, headers).end(JSON.stringify(body))
}

function callOf({ method = '', url = '', headers }: IncomingMessage): Call {
  const [, path = '', verb] = /\/functions\/([^/]+)\/(\w+)/.exec(url) ?? []
  const qualifier = new URL(url, 'http://edge').searchParams.get('Qualifier')
  const [, region = ''] = /\/\d{8}\/([^/]+)\/lambda\//.exec(headers.authorization ?? '') ?? []
  const operations: Record<string, Call['operation']> = {
    POST: 'AddPermission',
    GET: 'GetPolicy',
    DELETE: 'RemovePermission',
  }
  return {
    operation: (verb === 'policy' && operations[method]) || 'Invoke',
    resource: decodeURIComponent(path) + (qualifier ? `:${qualifier}` : ''),
    region,
  }
}
