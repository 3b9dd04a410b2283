import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

import type { Problem } from './messages.ts'

/** 256 random bits, in characters that a URL takes as they are. */
export const newToken = () => randomBytes(32).toString('base64url')

export interface Refused {
  status: 401 | 403
  problem: Problem
}

/**
 * Why a request is refused, if it is. A page of another origin can make its own host name point to
 * this machine, so `Host` must be loopback with our port, and `Origin`, where there is one, ours.
 * The page itself is no secret: its address has the token in the fragment, which is not sent.
 */
export function refusal(
  { headers, url = '' }: IncomingMessage,
  port: number,
  token: string,
): Refused | undefined {
  const { host = '', origin } = headers
  const isOwnHost = HOSTS.some(name => host.toLowerCase() === `${name}:${port}`)
  if (!isOwnHost) return foreign(`The Host header is not 127.0.0.1:${port}`)
  if (origin !== undefined && origin.toLowerCase() !== `http://${host.toLowerCase()}`)
    return foreign('The Origin header is not that of the console')
  if (!url.startsWith('/api/')) return undefined
  const given = /^Bearer (\S+)$/.exec(headers.authorization ?? '')?.[1] ?? ''
  if (isEqual(given, token)) return undefined
  return {
    status: 401,
    problem: {
      code: 'invalid_token',
      message: 'The token is missing or not that of this gateway',
      hint: HINT,
    },
  }
}

const HOSTS = ['127.0.0.1', 'localhost']

const HINT = 'Open the address of the console that "mcp-lambda-sam local" printed at this start.'

const foreign = (message: string): Refused => ({
  status: 403,
  problem: { code: 'foreign_origin', message, hint: HINT },
})

/** Takes the same time wherever the texts differ, and whatever their lengths. */
function isEqual(one: string, other: string): boolean {
  const hash = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(hash(one), hash(other))
}
