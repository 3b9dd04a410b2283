import { describe } from '../../http/errors.ts'
import { log } from '../../http/log.ts'

/** An entry in a table that expires unless its holder renews it. */
export interface Lease {
  /** False when the lease is gone: somebody closed it. */
  renew(): Promise<boolean>
}

export interface LeaseOptions {
  /** Seconds between two heartbeats of the stream. A lease is renewed at least as often. */
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
 * With a long heartbeat, a lease is renewed more often: messages are accepted for an environment
 * that died until its lease expires.
 */
const MAX_RENEWAL_SECONDS = 5

const renewalSeconds = (heartbeatSeconds: number) => Math.min(heartbeatSeconds, MAX_RENEWAL_SECONDS)

/**
 * How long a lease lasts: at most 16 seconds. Whole seconds, because a DynamoDB time to live has
 * whole seconds. One second more, because the expiry and the clock of its reader are rounded down
 * to seconds.
 */
export const leaseSeconds = (heartbeatSeconds: number) =>
  Math.max(MIN_SECONDS, Math.ceil(RENEWALS_PER_LEASE * renewalSeconds(heartbeatSeconds))) + 1

/**
 * Renews a lease with every heartbeat, and at least every five seconds. A renewal that fails is
 * tried again the next time. Renewals do not overlap, so an old one cannot shorten the lease.
 * Returns a function that stops the renewals.
 */
export function keepLease(
  lease: Lease,
  { heartbeatSeconds, requestId, onLost = () => {} }: LeaseOptions,
): () => void {
  let isRenewing = false
  const timer = setInterval(() => {
    if (!isRenewing) void renew()
  }, renewalSeconds(heartbeatSeconds) * 1000)
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
