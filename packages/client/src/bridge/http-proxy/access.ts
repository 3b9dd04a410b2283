import { timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

import { isLoopback } from '../../signing/scope.ts'

/** Why a request is refused. */
export interface Denial {
  status: number
  code: string
  message: string
}

/**
 * Every page in a browser can send requests to this machine. A page of another host has its
 * `Origin`, and one that was rebound to 127.0.0.1 has its name in `Host`:
 * https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#security-warning
 */
export function denialOf(
  { headers }: IncomingMessage,
  token: string | undefined,
): Denial | undefined {
  if (!isLocal(`http://${headers.host}`))
    return { status: 403, code: 'forbidden_host', message: 'The Host header names another machine' }
  if (headers.origin !== undefined && !isLocal(headers.origin))
    return {
      status: 403,
      code: 'forbidden_origin',
      message: 'The Origin header names another machine',
    }
  // A GET for an image or a link has no Origin: https://www.w3.org/TR/fetch-metadata/
  const site = String(headers['sec-fetch-site'])
  if (headers.origin === undefined && ['cross-site', 'same-site'].includes(site))
    return { status: 403, code: 'forbidden_site', message: 'A page of another site sent this' }
  if (token !== undefined && !isSame(headers.authorization ?? '', `Bearer ${token}`))
    return {
      status: 401,
      code: 'unauthorized',
      message: 'Send the header that the proxy printed at its start: "Authorization: Bearer …"',
    }
  return undefined
}

const isLocal = (origin: string) => URL.canParse(origin) && isLoopback(new URL(origin))

function isSame(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)]
  return a.length === b.length && timingSafeEqual(a, b)
}
