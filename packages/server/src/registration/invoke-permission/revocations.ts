/**
 * A note that an invoke permission may have to be revoked. It is stored before its registration
 * changes.
 */
export interface Revocation {
  /** The id of the registration that is deleted, or gets another function. */
  registration: string
  lambdaArn: string
  /** Makes the note unique. */
  nonce: string
  /** When it was stored, in milliseconds since 1970. */
  at: number
}

/**
 * Stores which revocations have begun, so that a later call can finish those that were interrupted.
 * Otherwise the gateway would keep a permission that no registration explains.
 */
export interface Revocations {
  begin(registration: string, lambdaArn: string): Promise<Revocation>
  end(revocation: Revocation): Promise<void>
  /**
   * Revocations of all environments that have not ended: those of these registrations first, then
   * some of others.
   */
  open(registrations: readonly string[]): Promise<Revocation[]>
}
