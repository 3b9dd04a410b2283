import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream } from 'node:stream/web'

import type { Gateway } from '../support/gateway.ts'
import { policyOf } from './aws-api.ts'
import type { RecordedRequest } from './recorded-calls.ts'

/**
 * The Lambda API as two servers have it: moto keeps the policies of functions, and the local
 * gateway runs them. It denies a call where no policy allows it to the role.
 */
export async function startLambdaRouter(moto: string, role: string, local: () => Gateway) {
  const invocations: RecordedRequest[] = []
  const server = createServer(async (incoming, response) => {
    const body = await buffer(incoming)
    const { method = '', url = '', headers } = incoming
    const [, name = ''] = /\/functions\/([^/]+)\/.*invocations/.exec(url) ?? []
    if (!name) return pass(await send(moto, fetch, incoming, body), response)
    const { authorization = '' } = headers
    invocations.push({ method, url, headers: { authorization }, body: body.toString('base64') })
    const statements = await policyOf(moto, decodeURIComponent(name))
    const allowed = statements.some(
      it => JSON.stringify(it.Principal).includes(`"${role}"`) && it.Action === ACTION,
    )
    if (!allowed) {
      response.writeHead(403, { 'x-amzn-errortype': 'AccessDeniedException' }).end('{}')
      return
    }
    // The developer may invoke every function. The role of the stack is unknown there.
    const { lambdaUrl, fetch: signing } = local()
    pass(await send(lambdaUrl, signing(), incoming, body), response)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    invocations,
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}

const ACTION = 'lambda:InvokeFunction'

const KEPT = ['authorization', 'content-type', 'x-amz-client-context', 'x-amz-invocation-type']

function send(
  target: string,
  fetching: typeof fetch,
  { method = '', url = '', headers }: IncomingMessage,
  body: Buffer,
) {
  const kept = KEPT.filter(name => name !== 'authorization' || fetching === fetch)
  return fetching(new URL(url, target), {
    method,
    headers: Object.fromEntries(
      Object.entries(headers).filter((it): it is [string, string] => kept.includes(it[0])),
    ),
    ...(body.length > 0 && { body: new Uint8Array(body) }),
  })
}

function pass({ status, headers, body }: Response, to: ServerResponse) {
  to.writeHead(status, Object.fromEntries(headers))
  // A function that still runs when the gateway ends cuts its response.
  if (body) pipeline(Readable.fromWeb(body as ReadableStream), to).catch(() => {})
  else to.end()
}
