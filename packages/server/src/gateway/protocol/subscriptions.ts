import {
  MAX_SUBSCRIPTION_BYTES,
  MAX_SUBSCRIPTIONS,
  SUBSCRIPTION_LIMITS,
} from '../../subscription-limits.ts'
import { invalidParams } from './request-errors.ts'

/** The resources whose updates one client has subscribed to. */
export interface Subscriptions {
  /**
   * `updateToken` belongs to the last update that the client does not need to be notified of.
   * Rejects with -32602 where the client has as many subscriptions as it may have.
   */
  add(uri: string, updateToken: string): Promise<void>
  remove(uri: string): Promise<void>
}

/** Subscriptions in memory, for a client whose stream and messages are handled by one process. */
export function createSubscriptions(): Subscriptions & { all: ReadonlyMap<string, string> } {
  const all = new Map<string, string>()
  return {
    all,
    async add(uri, updateToken) {
      if (!all.has(uri) && !fits([...all.keys(), uri])) throw tooManySubscriptions()
      all.set(uri, updateToken)
    },
    async remove(uri) {
      all.delete(uri)
    },
  }
}

/** Whether one client may be subscribed to all these resources. */
export function fits(uris: string[]): boolean {
  if (uris.length > MAX_SUBSCRIPTIONS) return false
  return uris.reduce((sum, uri) => sum + Buffer.byteLength(uri), 0) <= MAX_SUBSCRIPTION_BYTES
}

export const tooManySubscriptions = () =>
  invalidParams(`A client may subscribe to ${SUBSCRIPTION_LIMITS}: unsubscribe first`)
