import type { Registration } from '@markvp/mcp-lambda-sam-admin-client/contract'

/**
 * The gateway's right to invoke a registered function. Both are called after the table was written and
 * may be called again for the same registration.
 */
export interface Permissions {
  grant(registration: Registration): Promise<void>
  /** Called with the registration as it was. */
  revoke(registration: Registration): Promise<void>
}

/** For an account in which the gateway may invoke every function, as the local one: nothing to grant. */
export const openPermissions: Permissions = {
  async grant() {},
  async revoke() {},
}
