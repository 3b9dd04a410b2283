import { createHash, createHmac } from 'node:crypto'
import { SignatureV4 } from '@smithy/signature-v4'
import { expect, test } from 'vitest'

import { createSigner, encodePathSegment } from '../../src/aws/signature-v4.ts'
import { verify } from '../../src/local/sigv4/verify.ts'
import { credentials } from './aws-server.ts'

class Sha256 {
  readonly #hash
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash =
      secret === undefined ? createHash('sha256') : createHmac('sha256', secret as Buffer)
  }
  update(data: Uint8Array) {
    this.#hash.update(data)
  }
  async digest() {
    return this.#hash.digest()
  }
}

const arn = 'arn:aws:lambda:us-east-1:000000000000:function:x:live'
const paths: { path: string; body: string; headers: Record<string, string> }[] = [
  { path: '/', body: '{}', headers: { 'x-amz-target': 'DynamoDB_20120810.GetItem' } },
  { path: `/2015-03-31/functions/${encodePathSegment(arn)}/invocations`, body: '', headers: {} },
  { path: `/base/${encodePathSegment("a b!'()*~ü")}/`, body: 'ü', headers: {} },
  { path: '/', body: 'x'.repeat(1_000_000), headers: { 'x-amz-client-context': 'e30=', a: 'b' } },
]
const requests = paths.map(it => ({
  ...it,
  method: 'POST',
  body: Buffer.from(it.body),
  headers: { ...it.headers, host: 'service.eu-central-1.amazonaws.com', 'content-type': 'x/y' },
}))

const moments = ['2026-11-26T14:00:00.999Z', '2026-11-26T23:59:59Z', '2026-11-27T00:00:00Z']

test.each([
  ['long-lived', { ...credentials, sessionToken: undefined }],
  ['temporary', credentials],
])(
  '%s credentials sign every request as the AWS SDK does, and the verifier accepts it',
  async (...[, identity]) => {
    const [service, region] = ['lambda', 'eu-central-1']
    const sign = createSigner(service, region)
    const { sessionToken, ...keys } = identity
    const theirs = new SignatureV4({
      credentials: { ...keys, ...(sessionToken && { sessionToken }) },
      service,
      region,
      sha256: Sha256,
    })
    for (const moment of moments)
      for (const request of requests) {
        const now = Date.parse(moment)
        const ours = sign(request, identity, now)
        const { headers } = await theirs.sign(
          { ...request, protocol: 'https:', hostname: 'unused' },
          { signingDate: new Date(now) },
        )
        expect(ours).toEqual(headers)
        const principal = {
          ...keys,
          ...(sessionToken && { sessionToken }),
          arn: 'arn:aws:iam::1:x',
        }
        const rawHeaders = Object.entries(ours).flat()
        const received = { ...request, target: request.path, rawHeaders }
        expect(verify(received, { region, service, principals: [principal], now })).toBe(principal)
      }
  },
)

test('new credentials and a new day get a key of their own', () => {
  const fresh = () => createSigner('dynamodb', 'us-east-1')
  const sign = fresh()
  const [request] = requests
  if (!request) return expect.unreachable()
  const rotated = { ...credentials, secretAccessKey: 'another' }
  for (const identity of [credentials, rotated, credentials])
    for (const moment of moments)
      expect(sign(request, identity, Date.parse(moment))).toEqual(
        fresh()(request, identity, Date.parse(moment)),
      )
})
