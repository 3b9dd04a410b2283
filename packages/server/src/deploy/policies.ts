import { createHash } from 'node:crypto'

/** Clients use the gateway; administrators, pipelines among them, register functions. */
export const AUDIENCES = ['client', 'admin'] as const
export type Audience = (typeof AUDIENCES)[number]

/** One of the two statements that calling a Function URL takes, as AddPermission has it. */
export interface Grant {
  StatementId: string
  Action: 'lambda:InvokeFunctionUrl' | 'lambda:InvokeFunction'
  Principal: string
  FunctionUrlAuthType?: 'AWS_IAM'
  InvokedViaFunctionUrl?: true
}

/**
 * What a principal's own policy needs to call the Function URL of a function: two actions since October 2025, the
 * second only by way of the URL, so that nobody calls the function past it.
 * https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html
 */
export const identityPolicy = (functionArn: string) => ({
  Version: '2012-10-17',
  Statement: [
    {
      Effect: 'Allow',
      Action: 'lambda:InvokeFunctionUrl',
      Resource: functionArn,
      Condition: { StringEquals: { 'lambda:FunctionUrlAuthType': 'AWS_IAM' } },
    },
    {
      Effect: 'Allow',
      Action: 'lambda:InvokeFunction',
      Resource: functionArn,
      Condition: { Bool: { 'lambda:InvokedViaFunctionUrl': 'true' } },
    },
  ],
})

/** The same from the other side: what the function's own policy says about a principal. */
export function resourceGrants(audience: Audience, principal: string): [Grant, Grant] {
  // Ids take no colons and slashes, and one id per principal makes a second grant find the first.
  const hash = createHash('sha256').update(principal).digest('hex').slice(0, 16)
  return [
    {
      StatementId: `mcp-lambda-sam-${audience}-url-${hash}`,
      Action: 'lambda:InvokeFunctionUrl',
      Principal: principal,
      FunctionUrlAuthType: 'AWS_IAM',
    },
    {
      StatementId: `mcp-lambda-sam-${audience}-invoke-${hash}`,
      Action: 'lambda:InvokeFunction',
      Principal: principal,
      InvokedViaFunctionUrl: true,
    },
  ]
}
