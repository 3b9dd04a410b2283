import type { Invocation } from './runtime-client.ts'

/** The context object: https://docs.aws.amazon.com/lambda/latest/dg/nodejs-context.html */
export function toContext(invocation: Invocation) {
  const { env } = process
  return {
    awsRequestId: invocation.requestId,
    invokedFunctionArn: invocation.functionArn,
    functionName: env['AWS_LAMBDA_FUNCTION_NAME'],
    functionVersion: env['AWS_LAMBDA_FUNCTION_VERSION'],
    memoryLimitInMB: env['AWS_LAMBDA_FUNCTION_MEMORY_SIZE'],
    logGroupName: env['AWS_LAMBDA_LOG_GROUP_NAME'],
    logStreamName: env['AWS_LAMBDA_LOG_STREAM_NAME'],
    clientContext: json(invocation.clientContext),
    identity: json(invocation.identity),
    tenantId: invocation.tenantId,
    xRayTraceId: invocation.traceId,
    getRemainingTimeInMillis: () => invocation.deadline - Date.now(),
  }
}

const json = (value: string | undefined) => (value ? JSON.parse(value) : undefined)
