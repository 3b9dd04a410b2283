import { credentialRefusal, SIGNING_ERRORS } from '@markvp/mcp-lambda-sam-client/sigv4'

import { isRecord } from '../is-record.ts'

/** The documentation as an installed package can name it. */
const DOCS = 'https://github.com/markvp/mcp-lambda-sam/blob/main/docs'

/** Every code of a `DeployError` with its hint. New codes may come with a minor version. */
export const DEPLOY_ERRORS = {
  aborted: 'Run the command again to continue.',
  access_denied: `The credentials need more permissions: ${DOCS}/deploying.md#permissions-for-deploying lists them.`,
  aws_error: 'The message comes from AWS. Try again if the problem looks temporary.',
  bucket_unusable:
    'Give --bucket with a bucket of this account and region, and allow s3:GetObject and s3:PutObject on it.',
  change_set_failed:
    'Nothing was changed. Correct what the message names, often a parameter, and deploy again.',
  clock_skew: SIGNING_ERRORS.clock_skew,
  connection_failed: 'Check the network, the proxy and the name of the region, then try again.',
  expired_token: SIGNING_ERRORS.expired_token,
  foreign_stack: 'Choose another name with --stack-name.',
  invalid_credentials: `${SIGNING_ERRORS.invalid_credentials} In a region that the account has not enabled, AWS knows no key of the account.`,
  invalid_option: 'Correct the option that the message names.',
  missing_region: `${SIGNING_ERRORS.missing_region} On the command line the option is --region.`,
  no_credentials: `${SIGNING_ERRORS.no_credentials} A profile is named with --profile.`,
  not_built:
    'In a clone, run "npm run build" first. If this is an installed package, install it again.',
  profile_not_found: 'Name a profile of the AWS configuration files.',
  rate_limited: 'Wait and try again.',
  signature_mismatch: SIGNING_ERRORS.signature_mismatch,
  stack_busy: 'Wait until the change has ended, then try again.',
  stack_failed: 'Correct what the message names, and try again.',
  stack_not_found: 'Check --stack-name, --region and --profile.',
  stack_unusable: 'Correct what the message names, and deploy again with --replace-failed.',
} as const

/** Every way in which `deploy` and the commands for a deployed stack can fail. */
export type DeployErrorCode = keyof typeof DEPLOY_ERRORS

interface DeployErrorDetails {
  /** @default the hint of the code */
  hint?: string
  status?: number | undefined
  requestId?: string | undefined
  retryable?: boolean
  cause?: unknown
}

/** Compare `code`. `message` says what is wrong, `hint` what to do about it. */
export class DeployError extends Error {
  override readonly name = 'DeployError'
  readonly code: DeployErrorCode
  readonly hint: string
  /** The HTTP status of AWS's response, where there was one. */
  readonly status: number | undefined
  /** The id of the request at AWS, where there was a response. */
  readonly requestId: string | undefined
  /** The same call may succeed later. Repeating it changes nothing twice. */
  readonly retryable: boolean

  constructor(
    code: DeployErrorCode,
    message: string,
    {
      hint = DEPLOY_ERRORS[code],
      status,
      requestId,
      retryable = false,
      cause,
    }: DeployErrorDetails = {},
  ) {
    super(message, { cause })
    this.code = code
    this.hint = hint
    this.status = status
    this.requestId = requestId
    this.retryable = retryable
  }
}

/** What to do where IAM refuses. Undefined for a message about something else. */
export function accessDeniedHint(message: string): string | undefined {
  if (/explicit deny|because no (?!identity|resource-based)[\w ]+ allows/.test(message))
    return 'A policy that the message names limits these credentials, so another permission does not help: ask those who manage it, or choose another region with --region.'
  return /not authorized|AccessDenied/i.test(message) ? DEPLOY_ERRORS.access_denied : undefined
}

/**
 * Turns an error of the AWS SDK, or of the network, into a `DeployError`. Any other error is
 * returned as it is, with its stack: it is a bug of this program.
 */
export function toDeployError(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error))
  if (error instanceof DeployError) return error
  const metadata = metadataOf(error)
  const code = codeOf(error) ?? (metadata && 'aws_error')
  if (!code) return error
  const { message } = error
  const hint = hintOf(code, message)
  return new DeployError(code, message && message !== 'UnknownError' ? message : error.name, {
    ...metadata,
    ...(hint !== undefined && { hint }),
    retryable: code === 'rate_limited' || code === 'connection_failed',
    cause: error,
  })
}

/** What the message tells more than its code. */
function hintOf(code: DeployErrorCode, message: string): string | undefined {
  if (code === 'access_denied') return accessDeniedHint(message)
  if (code === 'no_credentials' && /multi-factor/.test(message)) return NO_MFA
  return undefined
}

const NO_MFA =
  'This command asks for no MFA code. Let the AWS CLI ask, with eval "$(aws configure export-credentials --profile <name> --format env)", and run the command again without --profile.'

function codeOf(error: Error): DeployErrorCode | undefined {
  const { code } = error as { code?: unknown }
  const reason = `${error.name} ${typeof code === 'string' ? code : ''} ${error.message}`
  const refused = credentialRefusal(reason)
  if (refused && isDeployErrorCode(refused)) return refused
  return REASONS.find(([pattern]) => pattern.test(reason))?.[1]
}

const isDeployErrorCode = (code: string): code is DeployErrorCode =>
  Object.hasOwn(DEPLOY_ERRORS, code)

/** Begins with the name of the error. */
const REASONS: [RegExp, DeployErrorCode][] = [
  [/^(CredentialsProviderError|TokenProviderError)/, 'no_credentials'],
  [/^(AccessDenied|UnauthorizedOperation|Forbidden)|is not authorized to perform/, 'access_denied'],
  [/^(Throttl|TooManyRequests|RequestLimitExceeded|SlowDown)/, 'rate_limited'],
  [/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|^TimeoutError/, 'connection_failed'],
]

/** AWS has answered that it does not do what the request asks for. */
export function isRefusal(error: unknown): boolean {
  const { status = 0 } = (error instanceof Error && metadataOf(error)) || {}
  return status >= 400 && status < 500
}

/** The SDK adds `$metadata` to every error that AWS sent. */
function metadataOf(error: Error) {
  const { $metadata } = error as { $metadata?: unknown }
  if (!isRecord($metadata)) return undefined
  const { httpStatusCode, requestId } = $metadata
  return {
    status: typeof httpStatusCode === 'number' ? httpStatusCode : undefined,
    requestId: typeof requestId === 'string' ? requestId : undefined,
  }
}
