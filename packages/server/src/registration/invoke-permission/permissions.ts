import type { RegistrationStatus } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

/**
 * The gateway's permission to invoke functions. A registration is valid also where its function
 * cannot be invoked yet, so a failure of Lambda is a result here and not an error.
 */
export interface InvokePermissions {
  /**
   * Idempotent. `justRevoked` says that this process has just revoked the permission: then the
   * policy that Lambda returns may be older than that change.
   */
  grant(lambdaArn: string, justRevoked?: boolean): Promise<RegistrationStatus>
  /** Removes only what `grant` added. Undefined when it is gone. */
  revoke(lambdaArn: string): Promise<RevokeFailure | undefined>
  /** The status that `grant` would give, with the rights of this function. Changes nothing. */
  check(lambdaArn: string): Promise<PermissionCheck>
  status(lambdaArn: string): Promise<RegistrationStatus>
}

/** What `grant` would do. */
export interface PermissionCheck {
  status: RegistrationStatus
  /** It would add the permission. */
  grants: boolean
}

/** A permission that could not be revoked. */
export interface RevokeFailure {
  /** The reason, and the command that revokes it. */
  message: string
  /** Whether another attempt may succeed. */
  retryable: boolean
}
