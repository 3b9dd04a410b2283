import { once } from 'node:events'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

export interface Call {
  operation:
    | 'AddPermission'
    | 'GetPolicy'
    | 'RemovePermission'
    | 'GetFunctionConfiguration'
    | 'Invoke'
  /** The function, with its qualifier. */
  resource: string
  /** The region that the request was signed for. */
  region: string
}

/** A response instead of Lambda's; `cut` closes the connection without one. */
export type FakeResponse = { status: number; type?: string; body: object } | 'cut'

type Hook = (
  call: Call,
  when: 'before' | 'after',
) => Promise<FakeResponse | undefined> | FakeResponse | undefined

/**
 * A proxy in front of a Lambda API, where a test can hold, refuse or lose calls. Other calls pass
 * unchanged, so that their signatures stay valid.
 */
export async function startEdge(upstream = '') {
  const edge = {
    url: '',
    /** The URL of the Lambda API. */
    upstream,
    /** All calls in order of arrival. */
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
    if (instead) return send(outgoing, instead)
    const { method, url, headers } = incoming
    const forwarded = request(new URL(url ?? '/', edge.upstream), { method, headers })
    forwarded.end(body)
    const [reply] = (await once(forwarded, 'response')) as [IncomingMessage]
    const content = await buffer(reply)
    const after = await edge.hook(call, 'after')
    if (after) return send(outgoing, after)
    outgoing.writeHead(reply.statusCode ?? 500, reply.headers).end(content)
  }
}

function send(outgoing: ServerResponse, given: FakeResponse) {
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
    operation:
      verb === 'configuration'
        ? 'GetFunctionConfiguration'
        : (verb === 'policy' && operations[method]) || 'Invoke',
    resource: decodeURIComponent(path) + (qualifier ? `:${qualifier}` : ''),
    region,
  }
}
