import type { RegistrationStatus } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

/**
 * The gateway's right to invoke functions. What keeps Lambda from granting or revoking is an answer and no error:
 * a registration stands also where its function cannot be invoked yet.
 */
export interface InvokePermissions {
  /**
   * May be called again for the same function. `justRevoked` says that what Lambda tells of the function's policy
   * may be older than our own change of it.
   */
  grant(lambdaArn: string, justRevoked?: boolean): Promise<RegistrationStatus>
  /** Takes back what `grant` gave and nothing else. Undefined when nothing is left of it. */
  revoke(lambdaArn: string): Promise<Leftover | undefined>
  status(lambdaArn: string): Promise<RegistrationStatus>
}

/** A right that could not be taken back. */
export interface Leftover {
  /** For people: why, and the command that does it. */
  message: string
  /** Whether trying again may help. */
  passing: boolean
}
