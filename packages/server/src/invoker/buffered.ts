import { parseLambdaArn, type Registration } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import type { LambdaApi } from '../aws/lambda-api.ts'
import { log } from '../http/log.ts'
import { failureMessage, notInvokedMessage, untilAccepted } from './failure.ts'
import { callContext, type Invocation, type Invoke } from './invoker.ts'

/**
 * The limit of the encoded client context:
 * https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
 */
const MAX_CLIENT_CONTEXT_BYTES = 3_583

/**
 * Invokes functions with the calling contract `arguments` through the Lambda API. `clientFor` gives
 * the client for a region.
 */
export function bufferedInvoker(clientFor: (region: string) => LambdaApi): Invoke {
  return async (registration, event, invocation, signal) => {
    const arn = parseLambdaArn(registration.lambdaArn)
    if (typeof arn === 'string') throw new Error(`${registration.id}: its lambdaArn ${arn}`)
    const input = {
      functionName: registration.lambdaArn,
      payload: Buffer.from(event),
      clientContext: clientContext(registration, invocation),
      beforeOutput: invocation.beforeOutput,
    }
    try {
      const output = await untilAccepted(
        () => clientFor(arn.region).invoke(input, signal),
        registration,
        signal,
      )
      const payload = output.payload.toString()
      return output.functionError ? { failure: failureMessage(payload) } : { payload }
    } catch (error) {
      if (signal.aborted) throw error
      return { failure: notInvokedMessage(error, registration) }
    }
  }
}

/**
 * The client's own values have no limit. What does not fit is left out, and the function told so.
 */
const MAY_BE_OMITTED: ('clientInfo' | 'traceparent')[][] = [
  [],
  ['clientInfo'],
  ['traceparent'],
  ['clientInfo', 'traceparent'],
]

function clientContext(registration: Registration, invocation: Invocation): string {
  const mcp = callContext(registration, invocation)
  let encoded = ''
  for (const omitted of MAY_BE_OMITTED) {
    const left = Object.fromEntries(omitted.map(name => [name, undefined]))
    const told = omitted.length > 0 ? { omitted } : {}
    // The field of AgentCore Gateway comes first, so that functions for it run unchanged.
    const custom = {
      bedrockAgentCoreToolName: registration.name,
      mcp: { ...mcp, ...left, ...told },
    }
    encoded = Buffer.from(JSON.stringify({ custom })).toString('base64')
    if (encoded.length > MAX_CLIENT_CONTEXT_BYTES) continue
    if (omitted.length > 0)
      log.warn('invoker: the client context is too long, so a part of it was left out', {
        id: registration.id,
        omitted,
      })
    break
  }
  return encoded
}
