import { describe } from '../../http/errors.ts'
import { log } from '../../http/log.ts'

/** An entry in a table that expires unless its holder renews it. */
export interface Lease {
  /** False when the lease is gone: somebody closed it. */
  renew(): Promise<boolean>
}

export interface LeaseOptions {
  /** Seconds between two renewals. */
  heartbeatSeconds: number
  /** The request that holds the lease, for the log. */
  requestId: string
  /** Called when the lease is gone. */
  onLost?(): void
}

/** Two renewals may fail before a lease expires. */
const RENEWALS_PER_LEASE = 3
/** With a short heartbeat, a lease still outlives a slow write to the table. */
const MIN_SECONDS = 5

/**
 * How long a lease lasts that is renewed with every heartbeat. Whole seconds, because a DynamoDB
 * time to live has whole seconds. One second more, because the expiry and the clock of its reader
 * are rounded down to seconds.
 */
export const leaseSeconds = (heartbeatSeconds: number) =>
  Math.max(MIN_SECONDS, Math.ceil(RENEWALS_PER_LEASE * heartbeatSeconds)) + 1

/**
 * Renews a lease with every heartbeat. A renewal that fails is tried again at the next heartbeat.
 * Renewals do not overlap, so an old one cannot shorten the lease. Returns a function that stops
 * the renewals.
 */
export function keepLease(
  lease: Lease,
  { heartbeatSeconds, requestId, onLost = () => {} }: LeaseOptions,
): () => void {
  let isRenewing = false
  const timer = setInterval(() => {
    if (!isRenewing) void renew()
  }, heartbeatSeconds * 1000)
  return () => clearInterval(timer)

  async function renew() {
    isRenewing = true
    try {
      if (!(await lease.renew())) onLost()
    } catch (error) {
      log.warn('lease not renewed', { requestId, error: describe(error) })
    } finally {
      isRenewing = false
    }
  }
}
