import { createHash, createHmac } from 'node:crypto'

export interface Credentials {
  accessKeyId: string
  secretAccessKey: string
  /** Temporary credentials have one. */
  sessionToken?: string | undefined
}

/** A request without a query. Names of headers are in lower case, their values without padding. */
export interface Signable {
  method: string
  /** As it is sent, percent-encoded. */
  path: string
  headers: Record<string, string>
  body: Buffer
}

/**
 * Signs requests to one service in one region with Signature Version 4, as the AWS SDKs do: all
 * given headers are signed. Returns these headers and those of the signature.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
export function createSigner(service: string, region: string) {
  // Deriving a key takes four hashes, and a key is valid for a day.
  let cached: { of: string; key: Buffer } | undefined

  return (
    { method, path, headers, body }: Signable,
    credentials: Credentials,
    now = Date.now(),
  ) => {
    const { accessKeyId, sessionToken } = credentials
    const date = new Date(now).toISOString().replace(/[-:]|\.\d+/g, '')
    const scope = `${date.slice(0, 8)}/${region}/${service}/aws4_request`
    const bodyHash = sha256(body)
    const all: Record<string, string> = {
      ...headers,
      'x-amz-content-sha256': bodyHash,
      'x-amz-date': date,
      ...(sessionToken && { 'x-amz-security-token': sessionToken }),
    }
    const names = Object.keys(all).sort()
    const signedHeaders = names.join(';')
    const canonicalHeaders = names.map(name => `${name}:${all[name]}\n`).join('')
    const canonicalRequest = `${method}\n${encodePath(path)}\n\n${canonicalHeaders}\n${signedHeaders}\n${bodyHash}`
    const toSign = `AWS4-HMAC-SHA256\n${date}\n${scope}\n${sha256(canonicalRequest)}`
    const signature = hmac(keyFor(credentials, date.slice(0, 8)), toSign).toString('hex')
    all['authorization'] =
      `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${signedHeaders}, Signature=${signature}`
    return all
  }

  function keyFor({ secretAccessKey }: Credentials, day: string): Buffer {
    const of = `${day} ${secretAccessKey}`
    if (cached?.of !== of) {
      const key = [day, region, service, 'aws4_request'].reduce<string | Buffer>(
        hmac,
        `AWS4${secretAccessKey}`,
      )
      cached = { of, key: key as Buffer }
    }
    return cached.key
  }
}

/** Every service but S3 encodes the path a second time for the signature. */
const encodePath = (path: string) => path.split('/').map(encodePathSegment).join('/')

/** Percent-encodes everything but the unreserved characters of RFC 3986. */
export const encodePathSegment = (segment: string) =>
  encodeURIComponent(segment).replace(
    /[!'()*]/g,
    it => `%${it.charCodeAt(0).toString(16).toUpperCase()}`,
  )

const sha256 = (data: string | Buffer) => createHash('sha256').update(data).digest('hex')
const hmac = (key: string | Buffer, data: string) => createHmac('sha256', key).update(data).digest()
