import { isRecord } from '../is-record.ts'

/** An error response of an AWS service, or a request that got no response. */
export class AwsError extends Error {
  /** As the service names it, such as `ThrottlingException`. `TimeoutError` without a response. */
  override readonly name: string
  /** The HTTP status; undefined without a response. */
  readonly status: number | undefined
  /** Node's code of a network error, such as `ECONNREFUSED`. */
  readonly code: string | undefined
  /** How many times the request was sent. */
  attempts = 1
  /** Whether one of the attempts may have done its work: it got no response, or a broken one. */
  mayBeDone: boolean
  /** DynamoDB's, of a `TransactionCanceledException`: one for each item. */
  readonly CancellationReasons: unknown[] | undefined

  constructor(
    name: string,
    message: string,
    {
      status,
      code,
      reasons,
      cause,
    }: { status?: number; code?: string | undefined; reasons?: unknown[]; cause?: unknown } = {},
  ) {
    super(message, { cause })
    this.name = name
    this.status = status
    this.mayBeDone = !(status !== undefined && status >= 400 && status < 500)
    this.code = code
    this.CancellationReasons = reasons
  }
}

/** Where the protocol of a service puts the name of an error, the best place first. */
export type NamePlaces = ('header' | 'code' | '__type')[]

/**
 * The error of a response, with the name and message that the AWS SDK gives it. An error of a
 * proxy, which is not JSON, is a `SyntaxError`.
 */
export function errorOf(
  status: number,
  headers: Record<string, string>,
  body: Buffer,
  places: NamePlaces,
): AwsError {
  const parsed = body.length > 0 ? parseJson(body, status) : {}
  if (parsed instanceof AwsError) return parsed
  const members = isRecord(parsed) ? parsed : {}
  const codeMember = Object.keys(members).find(it => it.toLowerCase() === 'code') ?? 'code'
  const found = {
    header: headers['x-amzn-errortype'],
    code: members[codeMember],
    __type: members['__type'],
  }
  const name = places.map(it => found[it]).find(it => it !== undefined) ?? 'Unknown'
  const message = members['message'] ?? members['Message']
  const reasons = members['CancellationReasons']
  return new AwsError(bareName(String(name)), String(message || 'UnknownError'), {
    status,
    ...(Array.isArray(reasons) && { reasons }),
  })
}

/** The value of a body, or the error for one that is not JSON. */
export function parseJson(body: Buffer, status: number): unknown {
  try {
    return JSON.parse(body.toString())
  } catch (cause) {
    return new AwsError('SyntaxError', (cause as Error).message, { status, cause })
  }
}

/** Without the namespace before the name, and what some services put after it. */
const bareName = (name: string) => {
  const [before = ''] = name.split(/[,:]/, 1)
  return before.split('#')[1] ?? before
}

/** The error for a request that got no response, or not all of it. */
export function networkError(error: unknown): AwsError {
  if (error instanceof AwsError) return error
  const { name, message, code } = error as NodeJS.ErrnoException
  const isCut = code === 'ECONNRESET' || code === 'EPIPE' || code === 'ETIMEDOUT'
  return new AwsError(isCut ? 'TimeoutError' : name, message, { code, cause: error })
}
