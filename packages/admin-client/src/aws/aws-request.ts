import {
  networkFailure,
  retry,
  type SigningOptions,
  scopeOf,
  signedFetch,
  toRefusal,
} from '@markvp/mcp-lambda-sam-client/sigv4'

import { AdminError, type AdminErrorCode } from '../errors.ts'
import { dnsSuffixOf } from '../partitions.ts'

/** Signs the requests to AWS with the profile and the credentials of the caller. */
export type AwsOptions = Pick<SigningOptions, 'profile' | 'region' | 'credentials' | 'fetch'>

export interface AwsRequest {
  /** As in the name of the host and in the signature: `lambda`, `logs`, `tagging`. */
  service: string
  /** Default: that of the options, of the environment or of the profile. */
  region?: string | undefined
  method?: 'GET' | 'POST'
  path?: string
  body?: string
  headers?: Record<string, string>
}

const ATTEMPTS = 4

/**
 * Sends one request to an AWS service, and resolves with the body of the response. A few lines here
 * are enough for the six operations of the CLI, and keep the AWS SDK out of the package.
 *
 * Rejects with an `AdminError`: `aws_error`, or a code of the signature, such as `expired_token`.
 */
export async function awsRequest(options: AwsOptions, request: AwsRequest): Promise<string> {
  const { service, method = 'POST', path = '/', body, headers = {} } = request
  const region = request.region ?? (await regionOf(options))
  const url = new URL(path, endpointOf(service, region))
  const send = signedFetch({ ...options, region, service })
  const attempt = async () => {
    let response: Response
    let text: string
    try {
      response = await send(url, {
        method,
        headers,
        body: body ?? null,
        signal: AbortSignal.timeout(30_000),
      })
      text = await response.text()
    } catch (cause) {
      throw toError(cause, url)
    }
    if (response.ok) return text
    const refusal = await toRefusal(response, text, { url, region, service, isRepeatable: true })
    const isThrottled = /Throttl|TooManyRequests|Rate exceeded/i.test(text)
    throw new AdminError(codeOf(refusal.code), detailed(refusal.message, text), {
      status: refusal.status,
      requestId: refusal.requestId,
      retryable: refusal.retryable || isThrottled,
      hint:
        refusal.code === 'access_denied'
          ? `Give your role or user the right that the message names, for ${service} in ${region}.`
          : SIGNATURE_CODES.has(refusal.code)
            ? refusal.hint
            : undefined,
    })
  }
  return retry(attempt, {
    delayAfter: (error, attempts) =>
      error instanceof AdminError && error.retryable && attempts < ATTEMPTS
        ? Math.random() * 500 * 2 ** attempts
        : undefined,
  })
}

/** The region that requests without one go to. Rejects with `missing_region`. */
async function regionOf(options: AwsOptions): Promise<string> {
  try {
    return (await scopeOf(new URL('https://amazonaws.com'), options)).region
  } catch (cause) {
    throw toError(cause, new URL('https://amazonaws.com'))
  }
}

const SIGNATURE_CODES = new Set([
  'clock_skew',
  'expired_token',
  'invalid_credentials',
  'signature_mismatch',
])

const codeOf = (code: string): AdminErrorCode =>
  SIGNATURE_CODES.has(code) || code === 'access_denied' ? (code as AdminErrorCode) : 'aws_error'

/** The Query protocol puts its message into XML, which the reader of refusals does not know. */
function detailed(message: string, text: string): string {
  const [, inside] = /<Message>([^<]{1,500})<\/Message>/.exec(text) ?? []
  return inside && !message.includes(inside) ? `${message}: ${inside}` : message
}

/**
 * The variables of the AWS SDKs: docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
 */
function endpointOf(service: string, region: string): string {
  const name = { logs: 'CLOUDWATCH_LOGS', tagging: 'RESOURCE_GROUPS_TAGGING_API' }[service]
  const own = process.env[`AWS_ENDPOINT_URL_${name ?? service.toUpperCase()}`]
  return (
    own || process.env['AWS_ENDPOINT_URL'] || `https://${service}.${region}.${dnsSuffixOf(region)}`
  )
}

function toError(cause: unknown, url: URL): AdminError {
  const { code, hint, message } = cause as { code?: string; hint?: string; message?: string }
  if (typeof hint === 'string')
    return new AdminError(code as AdminErrorCode, message ?? '', { hint, cause })
  const failure = networkFailure(cause)
  return new AdminError('aws_error', `${url.origin} did not respond: ${failure.message}`, {
    retryable: true,
    hint: 'Check the network and the region.',
    cause,
  })
}
