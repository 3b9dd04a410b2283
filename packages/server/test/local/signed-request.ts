import { createHash, createHmac } from 'node:crypto'
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http'
import { text } from 'node:stream/consumers'
import { SignatureV4 } from '@smithy/signature-v4'

import { DEVELOPER } from '../../src/local/principals.ts'

/** A request exactly as it is sent: nothing is encoded, sorted or added. */
export interface Raw {
  method?: string
  target: string
  headers?: Record<string, string | string[]>
  body?: string | Buffer
}

export interface Signing {
  credentials?: { accessKeyId: string; secretAccessKey: string; sessionToken?: string }
  region?: string
  service?: string
  date?: Date
}

/** Signs as the AWS SDKs do. */
export async function sign(
  base: string,
  { method = 'GET', target, headers = {}, body = '' }: Raw,
  {
    credentials = DEVELOPER,
    region = 'us-east-1',
    service = 'lambda',
    date = new Date(),
  }: Signing = {},
): Promise<Raw> {
  const signer = new SignatureV4({ credentials, region, service, sha256: Hash })
  const [path = '', search = ''] = target.split('?')
  const query: Record<string, string[]> = {}
  for (const [key, value] of new URLSearchParams(search))
    query[key] = [...(query[key] ?? []), value]
  const { host, hostname } = new URL(base)
  const signed = await signer.sign(
    {
      method,
      protocol: 'http:',
      hostname,
      path,
      query,
      body,
      headers: { ...headers, host } as Record<string, string>,
    },
    { signingDate: date },
  )
  return { method, target, headers: signed.headers, body }
}

/** Node's hash. The portable one takes seconds for six megabytes. */
class Hash {
  readonly #hash
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash =
      secret === undefined ? createHash('sha256') : createHmac('sha256', secret as string)
  }
  update(data: string | Uint8Array) {
    this.#hash.update(data)
  }
  async digest() {
    return this.#hash.digest()
  }
}

/** Resolves when status and headers are there. The body follows. */
export function open(
  base: string,
  { method = 'GET', target, headers = {}, body }: Raw,
): Promise<IncomingMessage> {
  const { hostname, port } = new URL(base)
  return new Promise((resolve, reject) => {
    request({ hostname, port, method, path: target, headers, agent: false })
      .on('response', resolve)
      .on('error', reject)
      .end(body)
  })
}

export interface HttpResponse {
  status: number | undefined
  headers: IncomingHttpHeaders
  body: string
}

export async function send(base: string, raw: Raw): Promise<HttpResponse> {
  const response = await open(base, raw)
  return { status: response.statusCode, headers: response.headers, body: await text(response) }
}

export const get = async (base: string, target: string, signing?: Signing) =>
  send(base, await sign(base, { target }, signing))
