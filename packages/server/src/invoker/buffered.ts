import { InvokeCommand, type LambdaClient } from '@aws-sdk/client-lambda'
import { parseLambdaArn, type Registration } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import { failureMessage, notInvokedMessage, untilAccepted } from './failure.ts'
import { callContext, type Invocation, type Invoke } from './invoker.ts'

/**
 * The limit of the encoded client context:
 * https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
 */
const MAX_CLIENT_CONTEXT_BYTES = 3_583

/**
 * Invokes functions with the calling contract `arguments` through the Lambda API. `clientFor` gives
 * the client for a region. The client must not retry by itself (`maxAttempts: 1`), or a tool would
 * run twice.
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
      const output = await untilAccepted(
        () => clientFor(arn.region).send(command, { abortSignal: signal }),
        registration,
        signal,
      )
      const payload = Buffer.from(output.Payload ?? []).toString()
      return output.FunctionError ? { failure: failureMessage(payload) } : { payload }
    } catch (error) {
      if (signal.aborted) throw error
      return { failure: notInvokedMessage(error, registration) }
    }
  }
}

function clientContext(registration: Registration, invocation: Invocation): string {
  const mcp = callContext(registration, invocation)
  const encode = (it: Partial<typeof mcp>) =>
    // The field of AgentCore Gateway comes first, so that functions for it run unchanged.
    Buffer.from(
      JSON.stringify({ custom: { bedrockAgentCoreToolName: registration.name, mcp: it } }),
    ).toString('base64')
  const encoded = encode(mcp)
  // The client's own values have no limit, so these are left out when the context is too long.
  return encoded.length <= MAX_CLIENT_CONTEXT_BYTES
    ? encoded
    : encode({ ...mcp, clientInfo: undefined, traceparent: undefined })
}
