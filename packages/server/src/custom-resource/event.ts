import { dnsSuffixes } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import { isRecord } from '../is-record.ts'

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requests.html */
export interface CustomResourceEvent {
  RequestType: 'Create' | 'Update' | 'Delete'
  ResponseURL: string
  StackId: string
  RequestId: string
  ResourceType: string
  LogicalResourceId: string
  /** Absent with `Create`. */
  PhysicalResourceId?: string
  ResourceProperties: Record<string, unknown>
}

/**
 * Throws for an event that CloudFormation has not made for a stack of this account. A caller of the
 * Invoke API can send any event: what it must not choose is where the response goes.
 */
export function assertCustomResourceEvent(
  event: unknown,
  accountId: string,
): asserts event is CustomResourceEvent {
  if (!isRecord(event)) throw new TypeError('The event is not an object')
  for (const field of FIELDS)
    if (typeof event[field] !== 'string' || event[field] === '')
      throw new TypeError(`The event has no ${field}: it is not an event of CloudFormation`)
  const { RequestType, StackId, PhysicalResourceId } = event
  if (!['Create', 'Update', 'Delete'].includes(String(RequestType)))
    throw new TypeError(`The event has the RequestType "${RequestType}"`)
  if (RequestType !== 'Create' && typeof PhysicalResourceId !== 'string')
    throw new TypeError('The event has no PhysicalResourceId')
  const [, account] = STACK_ID.exec(String(StackId)) ?? []
  if (account !== accountId)
    throw new TypeError(`The event names no stack of the account ${accountId}: "${StackId}"`)
  assertResponseUrl(String(event['ResponseURL']))
  if (!isRecord(event['ResourceProperties'])) event['ResourceProperties'] = {}
}

const FIELDS = [
  'RequestType',
  'ResponseURL',
  'StackId',
  'RequestId',
  'ResourceType',
  'LogicalResourceId',
]

const STACK_ID =
  /^arn:aws[\w-]*:cloudformation:[a-z0-9-]+:(\d{12}):stack\/[A-Za-z0-9-]{1,128}\/[\w-]+$/

/**
 * CloudFormation gives a presigned URL of a bucket of its own in S3. A response must go nowhere
 * else: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requesttypes.html
 */
export function assertResponseUrl(text: string) {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (
    url?.protocol === 'https:' &&
    url.port === '' &&
    url.username === '' &&
    url.password === '' &&
    S3_HOST.test(url.hostname)
  )
    return
  throw new TypeError(`The ResponseURL is not an https address of S3: ${url?.host ?? 'not a URL'}`)
}

/** `BUCKET.s3.REGION.amazonaws.com`, `BUCKET.s3-REGION.…`, `BUCKET.s3.amazonaws.com`. */
const S3_HOST = new RegExp(
  `^([a-z0-9.-]+\\.)?s3([.-][a-z0-9-]+)?(\\.dualstack\\.[a-z0-9-]+)?\\.(${dnsSuffixes().join('|').replaceAll('.', '\\.')})$`,
)
