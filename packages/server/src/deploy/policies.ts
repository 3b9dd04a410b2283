import { createHash } from 'node:crypto'

/** `client`: callers of the gateway. `admin`: callers of the registration API. */
export const AUDIENCES = ['client', 'admin'] as const
export type Audience = (typeof AUDIENCES)[number]

/** A statement of a resource policy that gives URL access, as AddPermission takes it. */
export interface UrlStatement {
  StatementId: string
  Action: 'lambda:InvokeFunctionUrl' | 'lambda:InvokeFunction'
  Principal: string
  FunctionUrlAuthType?: 'AWS_IAM'
  InvokedViaFunctionUrl?: true
}

/**
 * The identity policy with which a principal can call the Function URL of a function. It needs two
 * actions since October 2025. The condition on the second allows the call only through the URL, not
 * through the Lambda API. https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html
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

/** The statements of the function's resource policy that give a principal the same URL access. */
export function urlStatements(audience: Audience, principal: string): [UrlStatement, UrlStatement] {
  // A statement id allows no colons or slashes. With one id per principal, a second call finds the
  // statement of the first.
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
