import { setTimeout as sleep } from 'node:timers/promises'
import { InvokeCommand, type LambdaClient } from '@aws-sdk/client-lambda'
import { parseLambdaArn, type Registration } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import { describe } from '../http/errors.ts'
import { callContext, type Invocation, type Invoke } from './invoker.ts'

/** What Lambda refuses did not run, so these calls, and no others, are made again. */
const PAUSES_MS: Record<string, number[] | undefined> = {
  TooManyRequestsException: [100, 300, 900],
  // IAM takes seconds to see what was granted: https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html
  AccessDeniedException: [200, 400, 800, 1600, 3200],
}

/** A registration that was not changed for so long has its right, or does not get it by waiting. */
const FRESH_MS = 60_000

/** https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html: the encoded client context's limit */
const MAX_CLIENT_CONTEXT_BYTES = 3_583

/**
 * Invokes through the Lambda API. `clientFor` gives the client for a region; it must not retry by itself
 * (`maxAttempts: 1`), or a tool would run twice.
 */
export function bufferedInvoker(clientFor: (region: string) => LambdaClient): Invoke {
  return async (registration, event, invocation, signal) => {
    const arn = parseLambdaArn(registration.lambdaArn)
    if (typeof arn === 'string') throw new Error(`${registration.id}: its lambdaArn ${arn}`)
    const command = new InvokeCommand({
      FunctionName: registration.lambdaArn,
      Payload: Buffer.from(JSON.stringify(event)),
      ClientContext: clientContext(registration, invocation),
    })
    try {
      const answer = await untilAccepted(
        () => clientFor(arn.region).send(command, { abortSignal: signal }),
        registration,
        signal,
      )
      const payload = Buffer.from(answer.Payload ?? []).toString()
      return answer.FunctionError ? { failure: reasonOf(payload) } : { payload }
    } catch (error) {
      if (signal.aborted) throw error
      return { failure: unreachable(error, registration) }
    }
  }
}

export async function untilAccepted<T>(
  send: () => Promise<T>,
  { updatedAt }: Registration,
  signal: AbortSignal,
): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await send()
    } catch (error) {
      const { name } = error as Error
      const pause = Object.hasOwn(PAUSES_MS, name) ? PAUSES_MS[name]?.[attempt] : undefined
      const isFresh = Date.now() - Date.parse(updatedAt) < FRESH_MS
      if (pause === undefined || (name === 'AccessDeniedException' && !isFresh)) throw error
      await sleep(pause * (0.5 + Math.random() / 2), undefined, { signal })
    }
  }
}

/** `{errorType, errorMessage, trace}` of the runtime: the stack is the author's, in the function's own log. */
export function reasonOf(payload: string): string {
  let error: { errorType?: unknown; errorMessage?: unknown } = {}
  try {
    error = Object(JSON.parse(payload))
  } catch {
    // Not JSON: the runtime died before it could say anything.
  }
  const { errorType, errorMessage } = error
  if (
    /^(Sandbox\.Timedout|Runtime\.TimeoutError)$/.test(String(errorType)) ||
    /Task timed out/.test(String(errorMessage))
  )
    return `The function timed out. ${withoutRequestId(String(errorMessage ?? ''))}`.trim()
  const reason = [errorType, withoutRequestId(String(errorMessage ?? ''))]
    .filter(Boolean)
    .join(': ')
  return `The function failed${reason ? ` with ${reason}` : ''}`
}

const withoutRequestId = (message: string) =>
  message.replace(/(?:\S+ )?RequestId: \S+ (?:Error: )?/, '')

/** Lambda refused or could not be reached. The reason is the administrator's, so it goes to the log. */
export function unreachable(error: unknown, { id, lambdaArn }: Registration): string {
  const name = error instanceof Error ? error.name : String(error)
  console.error(
    JSON.stringify({ message: 'function not invoked', id, lambdaArn, error: describe(error) }),
  )
  return REASONS[name] ?? `The function could not be invoked (${name})`
}

const REASONS: Record<string, string> = {
  AccessDeniedException:
    'The gateway may not invoke the function behind this. An administrator has to repair the registration, which grants the right or says what is in the way',
  ResourceNotFoundException:
    'The function behind this does not exist any more. An administrator has to register another one',
  TooManyRequestsException:
    'The function is busy (throttled by Lambda) and did not run. Try again later',
  RequestTooLargeException: 'The arguments are larger than the 6 MB that a function takes',
  RequestEntityTooLargeException: 'The arguments are larger than the 6 MB that a function takes',
}

function clientContext(registration: Registration, invocation: Invocation): string {
  const mcp = callContext(registration, invocation)
  const encode = (it: Partial<typeof mcp>) =>
    // AgentCore Gateway's name beside ours: a function written for it runs unchanged.
    Buffer.from(
      JSON.stringify({ custom: { bedrockAgentCoreToolName: registration.name, mcp: it } }),
    ).toString('base64')
  const encoded = encode(mcp)
  // What the client says of itself has no limit, so it is what gives way.
  return encoded.length <= MAX_CLIENT_CONTEXT_BYTES
    ? encoded
    : encode({ ...mcp, clientInfo: undefined, traceparent: undefined })
}
