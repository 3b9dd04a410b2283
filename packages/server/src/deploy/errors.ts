/** Every way `deploy` and its siblings can fail. New codes may come with a minor version. */
export type DeployErrorCode =
  | 'aborted'
  | 'access_denied'
  | 'aws_error'
  | 'bucket_unusable'
  | 'change_set_failed'
  | 'connection_failed'
  | 'failed_stack'
  | 'foreign_stack'
  | 'invalid_option'
  | 'missing_region'
  | 'no_credentials'
  | 'not_built'
  | 'stack_busy'
  | 'stack_failed'
  | 'stack_not_found'

/** Look at `code`; `message` says what is wrong and `fix` what to do about it. */
export class DeployError extends Error {
  override readonly name = 'DeployError'
  readonly code: DeployErrorCode
  readonly fix: string

  constructor(code: DeployErrorCode, message: string, fix: string, options?: { cause?: unknown }) {
    super(message, options)
    this.code = code
    this.fix = fix
  }
}

const CREDENTIALS_FIX =
  'Log in ("aws sso login", "aws configure"), set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile with --profile.'

/** What AWS or the way there refused, in words that say what to do. Errors of our own pass unchanged. */
export function explained(error: unknown): Error {
  if (error instanceof DeployError || !(error instanceof Error)) return toError(error)
  const [, code, fix] = REASONS.find(([pattern]) => pattern.test(wordsOf(error))) ?? []
  if (code && fix) return new DeployError(code, messageOf(error), fix, { cause: error })
  // The SDK marks what AWS answered; anything else is a mistake of this program and keeps its stack.
  if (!('$metadata' in error)) return error
  return new DeployError(
    'aws_error',
    messageOf(error),
    'The message is AWS’s own; try again if it tells of a passing trouble.',
    { cause: error },
  )
}

const REASONS: [RegExp, DeployErrorCode, string][] = [
  [/^(CredentialsProviderError|TokenProviderError)/, 'no_credentials', CREDENTIALS_FIX],
  [
    /^(ExpiredToken|RequestExpired|InvalidClientTokenId|UnrecognizedClient|SignatureDoesNotMatch|InvalidAccessKeyId|AuthFailure)/,
    'no_credentials',
    CREDENTIALS_FIX,
  ],
  [
    /^(AccessDenied|UnauthorizedOperation|Forbidden)|is not authorized to perform/,
    'access_denied',
    'The credentials need more rights: docs/administrators.md lists what deploying takes.',
  ],
  [
    /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|^TimeoutError/,
    'connection_failed',
    'Check the network, a proxy, and that the region exists.',
  ],
]

function wordsOf(error: Error): string {
  return `${error.name} ${(error as { code?: string }).code ?? ''} ${error.message}`
}

function messageOf({ name, message }: Error): string {
  return message && message !== 'UnknownError' ? message : name
}

const toError = (error: unknown) => (error instanceof Error ? error : new Error(String(error)))
