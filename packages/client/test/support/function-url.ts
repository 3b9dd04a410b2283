import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

import { onTestFinished } from 'vitest'

import type { Principal } from '../../../server/src/local/principals.ts'
import { verify } from '../../../server/src/local/sigv4/verify.ts'
import type { SigningOptions } from '../../src/signing/signed-fetch.ts'
import { KEY, REGION } from './verifier.ts'

interface FunctionUrlOptions {
  /** How far the clock of the server is ahead, in milliseconds. */
  clockAhead?: number | undefined
  /** The response to every signed request. */
  respond?(request: Request): Response | Promise<Response>
}

/**
 * A Function URL on 127.0.0.1 whose signatures are verified as in the local gateway. It sends no
 * Date header, from which a client could correct its clock. Lives as long as the test.
 */
export async function startFunctionUrl({
  clockAhead = 0,
  respond = () => Response.json({}),
}: FunctionUrlOptions = {}): Promise<string> {
  const principal: Principal = { ...KEY, arn: 'arn:aws:iam::000000000000:user/test' }
  const server = createServer(async (request, response) => {
    const { method = '', url: target = '', rawHeaders } = request
    const body = await buffer(request)
    const now = Date.now() + clockAhead
    const verifier = { region: REGION, service: 'lambda', principals: [principal], now }
    const signer = verify({ method, target, rawHeaders, body }, verifier)
    response.sendDate = false
    response.setHeader('x-amzn-requestid', 'r-1')
    if ('code' in signer) {
      response.writeHead(403, { 'x-amzn-errortype': signer.code })
      return response.end(JSON.stringify({ message: signer.message }))
    }
    const url = `http://${request.headers.host}${target}`
    const given = await respond(
      new Request(url, { method, ...(body.length > 0 && { body: new Uint8Array(body) }) }),
    )
    response.writeHead(given.status, Object.fromEntries(given.headers))
    response.end(await given.text())
  }).listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

export interface RefusedOptions extends SigningOptions {
  clockAhead?: number
}

/**
 * Signing options whose request a Function URL of `startFunctionUrl` refuses, each with its code.
 */
export const REFUSED: [what: string, code: string, options: RefusedOptions][] = [
  ['a wrong secret', 'signature_mismatch', { credentials: { ...KEY, secretAccessKey: 'wrong' } }],
  ['an unknown key', 'invalid_credentials', { credentials: { ...KEY, accessKeyId: 'AKIAOTHER' } }],
  ['an unknown token', 'invalid_credentials', { credentials: { ...KEY, sessionToken: 'old' } }],
  ['another region', 'wrong_region', { region: 'eu-west-1' }],
  ['another service', 'wrong_service', { service: 'execute-api' }],
  ['a clock that is an hour slow', 'clock_skew', { clockAhead: 3_600_000 }],
  ['a clock that is an hour fast', 'clock_skew', { clockAhead: -3_600_000 }],
]
