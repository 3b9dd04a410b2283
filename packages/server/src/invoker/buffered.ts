import { parseLambdaArn, type Registration } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import type { LambdaApi } from '../aws/lambda-api.ts'
import { log } from '../http/log.ts'
import { untilAccepted } from './failure.ts'
import { callContext, type Invocation, type Invoke } from './invoker.ts'
import { tenantIdOf } from './tenant-id.ts'

/**
 * The limit of the encoded client context:
 * https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
 */
const MAX_CLIENT_CONTEXT_BYTES = 3_583

/** Most calls succeed, so INIT does not load them. */
const failureMessages = () => import('./failure-message.ts')

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
      tenantId: tenantIdOf(registration, invocation),
      traceparent: invocation.traceparent,
      beforeOutput: invocation.beforeOutput,
    }
    const { run } = invocation
    run?.started(input.payload.length)
    try {
      const output = await untilAccepted(
        () => clientFor(arn.region).invoke(input, signal),
        registration,
        signal,
        run,
      )
      run?.received(output.payload.length)
      const payload = output.payload.toString()
      if (!output.functionError) return { payload }
      run?.failed('function_failed')
      const { failureMessage } = await failureMessages()
      return { failure: failureMessage(payload) }
    } catch (error) {
      if (signal.aborted) throw error
      const { notInvokedMessage } = await failureMessages()
      return { failure: notInvokedMessage(error, registration, run) }
    } finally {
      run?.ended()
    }
  }
}

/**
 * `clientInfo` alone has no limit. Where it does not fit, it is left out, and the function told so.
 * The rest always fits: with all names at the limits of IAM and MCP, a role takes 1,500 bytes and a
 * user with a path 2,450.
 */
function clientContext(registration: Registration, invocation: Invocation): string {
  const { clientInfo, ...mcp } = callContext(registration, invocation)
  const encoded = encode({ ...mcp, clientInfo })
  if (encoded.length <= MAX_CLIENT_CONTEXT_BYTES) return encoded
  const omitted = ['clientInfo']
  log.warn('invoker: the client context is too long, so a part of it was left out', {
    id: registration.id,
    omitted,
  })
  return encode({ ...mcp, omitted })
}

function encode(mcp: { name: string; [member: string]: unknown }): string {
  // The field of AgentCore Gateway comes first, so that functions for it run unchanged.
  const custom = { bedrockAgentCoreToolName: mcp.name, mcp }
  return Buffer.from(JSON.stringify({ custom })).toString('base64')
}
