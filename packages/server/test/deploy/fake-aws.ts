import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { onTestFinished } from 'vitest'

const ACCOUNT = '000000000000'

/** What an API answers: the members of the response, an error, or nothing on a cut connection. */
export type Answer = Record<string, unknown> | AwsError | typeof CUT

export const CUT = Symbol('cut')

/** An error of an API. `code` is its name, such as AccessDenied. */
export class AwsError {
  readonly status: number
  readonly code: string
  readonly message: string
  constructor(status: number, code: string, message: string) {
    this.status = status
    this.code = code
    this.message = message
  }
}

export const denied = (action: string) =>
  new AwsError(403, 'AccessDenied', `User: x is not authorized to perform: ${action}`)

/** The parameters are those of AWS's query protocol. */
interface Call {
  action: string
  parameters: Record<string, string>
}

type Answering = (parameters: Call['parameters']) => Answer

export interface FakeAws {
  endpoint: string
  /** In the order of arrival. */
  calls: Call[]
  /** From now on every connection is refused. */
  close(): void
}

/**
 * The APIs of AWS that a test answers itself, by action: for answers that moto cannot give. An
 * action without an answer is an error. `GetCallerIdentity` has an answer, and S3 answers all that
 * it is asked as `S3`. Ends with the test.
 */
export async function fakeAws(answers: Record<string, Answer | Answering>): Promise<FakeAws> {
  const calls: Call[] = []
  const known = new Map(Object.entries({ GetCallerIdentity: IDENTITY, S3: {}, ...answers }))
  const server = createServer(async (request, response) => {
    const parameters = Object.fromEntries(new URLSearchParams(await text(request)))
    const isQuery = parameters['Action'] !== undefined
    const action = parameters['Action'] ?? actionOf(request)
    calls.push({ action, parameters })
    const answer = known.get(action)
    const given = typeof answer === 'function' ? (answer as Answering)(parameters) : answer
    const result = given ?? new AwsError(400, 'InvalidAction', `${action} is not answered here`)
    if (result === CUT) request.socket.destroy()
    else if (isQuery) sendXml(response, action, result)
    else sendJson(response, result)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const close = () => {
    server.close()
    server.closeAllConnections()
  }
  onTestFinished(close)
  const { port } = server.address() as { port: number }
  return { endpoint: `http://127.0.0.1:${port}`, calls, close }
}

/** The action of a request in another protocol than the query protocol. */
function actionOf({ headers, method, url = '' }: IncomingMessage): string {
  const target = headers['x-amz-target']
  if (typeof target === 'string') return target.replace(/^.*\./, '')
  if (url.includes('/functions/')) return method === 'POST' ? 'AddPermission' : 'GetPolicy'
  return url.includes('/account-settings') ? 'GetAccountSettings' : 'S3'
}

const IDENTITY = { Account: ACCOUNT, Arn: `arn:aws:iam::${ACCOUNT}:user/tests`, UserId: 'AIDA' }

function sendXml(response: ServerResponse, action: string, result: Exclude<Answer, symbol>) {
  response.setHeader('content-type', 'text/xml')
  if (!(result instanceof AwsError))
    return response.end(xml(`${action}Response`, { [`${action}Result`]: result }))
  const { status, code, message } = result
  return response
    .writeHead(status)
    .end(xml('ErrorResponse', { Error: { Type: 'Sender', Code: code, Message: message } }))
}

function sendJson(response: ServerResponse, result: Exclude<Answer, symbol>) {
  response.setHeader('content-type', 'application/json')
  if (!(result instanceof AwsError)) return response.end(JSON.stringify(result))
  response.writeHead(result.status, { 'x-amzn-errortype': result.code })
  return response.end(JSON.stringify({ message: result.message }))
}

function xml(name: string, value: unknown): string {
  if (Array.isArray(value))
    return `<${name}>${value.map(it => xml('member', it)).join('')}</${name}>`
  if (typeof value === 'object' && value !== null)
    return `<${name}>${Object.entries(value)
      .map(([key, it]) => xml(key, it))
      .join('')}</${name}>`
  return `<${name}>${String(value).replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</${name}>`
}
