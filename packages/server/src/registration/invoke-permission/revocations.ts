/** A right that may have to be taken back, written down before the table stops saying that it is needed. */
export interface Revocation {
  /** The id of the registration that goes. */
  registration: string
  lambdaArn: string
  /** Sets apart what else is the same. */
  nonce: string
  /** Milliseconds since 1970. */
  at: number
}

/** What keeps a call that breaks off from leaving a right behind which no registration tells of. */
export interface Revocations {
  begin(registration: string, lambdaArn: string): Promise<Revocation>
  end(revocation: Revocation): Promise<void>
  /** Those that have no end yet, of all environments. */
  open(): Promise<Revocation[]>
}
