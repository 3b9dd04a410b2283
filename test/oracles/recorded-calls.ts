import type { Call } from './rights.ts'

/** A request to an API of AWS, as moto's recorder keeps it. */
export interface RecordedRequest {
  method: string
  url: string
  headers: Record<string, string>
  /** In base64. */
  body: string
}

const REGION = 'us-east-1'
const ACCOUNT = '000000000000'

/** The calls of each access key. Throws for a request whose action is unknown here. */
export function callsByKey(requests: RecordedRequest[]): Map<string, Call[]> {
  const calls = new Map<string, Call[]>()
  const principals = new Map<string, string>()
  for (const request of requests) {
    const { key, service } = signerOf(request)
    const made = service === 'lambda' ? lambdaCall(request, principals) : dynamoCalls(request)
    calls.set(key, [...(calls.get(key) ?? []), ...made])
  }
  return calls
}

/** The access key and the service in the signature of a request. */
function signerOf({ headers }: Pick<RecordedRequest, 'headers'>) {
  const authorization = headers['Authorization'] ?? headers['authorization'] ?? ''
  const [, key = '', service = ''] =
    /Credential=([^/]+)\/\d+\/[^/]+\/([^/]+)\//.exec(authorization) ?? []
  if (!key) throw new Error(`a request without a signature: ${JSON.stringify(headers)}`)
  return { key, service }
}

/** The actions of a transaction are those of its parts. */
const PARTS: Record<string, string> = {
  Put: 'PutItem',
  Update: 'UpdateItem',
  Delete: 'DeleteItem',
  Get: 'GetItem',
  ConditionCheck: 'ConditionCheckItem',
}

function dynamoCalls({ headers, body }: RecordedRequest): Call[] {
  const [, operation] = /^DynamoDB_20120810\.(\w+)$/.exec(headers['X-Amz-Target'] ?? '') ?? []
  if (!operation) throw new Error(`an unknown call: ${JSON.stringify(headers)}`)
  const { TableName, RequestItems, TransactItems } = JSON.parse(textOf(body)) as {
    TableName?: string
    RequestItems?: Record<string, unknown>
    TransactItems?: Record<string, { TableName: string }>[]
  }
  if (TransactItems)
    return TransactItems.flatMap(item =>
      Object.entries(item).map(([part, it]) => onTable(PARTS[part] ?? part, it.TableName)),
    )
  const tables = RequestItems ? Object.keys(RequestItems) : [TableName ?? '']
  return tables.map(table => onTable(operation, table))
}

const onTable = (operation: string, table: string): Call => ({
  action: `dynamodb:${operation}`,
  resource: `arn:aws:dynamodb:${REGION}:${ACCOUNT}:table/${table}`,
  context: {},
})

const LAMBDA: [method: string, path: RegExp, operation: string][] = [
  ['POST', /\/functions\/([^/]+)\/policy$/, 'AddPermission'],
  ['GET', /\/functions\/([^/]+)\/policy$/, 'GetPolicy'],
  ['DELETE', /\/functions\/([^/]+)\/policy\/([^/]+)$/, 'RemovePermission'],
  ['GET', /\/functions\/([^/]+)\/configuration$/, 'GetFunctionConfiguration'],
  ['GET', /\/functions\/([^/]+)$/, 'GetFunction'],
  ['POST', /\/functions\/([^/]+)\/invocations$/, 'InvokeFunction'],
  ['POST', /\/functions\/([^/]+)\/response-streaming-invocations$/, 'InvokeFunction'],
]

/** `principals` keeps the principal of each statement: a removal does not name it. */
function lambdaCall(request: RecordedRequest, principals: Map<string, string>): Call[] {
  const { pathname, searchParams } = new URL(request.url, 'http://localhost')
  for (const [method, path, operation] of LAMBDA) {
    const [, name, sid] = (method === request.method && path.exec(pathname)) || []
    if (!name) continue
    const resource = functionArn(decodeURIComponent(name), searchParams.get('Qualifier'))
    return [{ action: `lambda:${operation}`, resource, context: principalOf(operation, resource) }]

    function principalOf(operation: string, resource: string): Record<string, string> {
      if (operation === 'AddPermission') {
        const { StatementId, Principal } = JSON.parse(textOf(request.body))
        principals.set(`${resource} ${StatementId}`, Principal)
        return { 'lambda:Principal': Principal }
      }
      const principal = principals.get(`${resource} ${decodeURIComponent(sid ?? '')}`)
      return principal ? { 'lambda:Principal': principal } : {}
    }
  }
  throw new Error(`an unknown call: ${request.method} ${request.url}`)
}

function functionArn(name: string, qualifier: string | null): string {
  const arn = name.startsWith('arn:')
    ? name
    : `arn:aws:lambda:${REGION}:${ACCOUNT}:function:${name}`
  return qualifier ? `${arn}:${qualifier}` : arn
}

const textOf = (body: string) => Buffer.from(body, 'base64').toString()
