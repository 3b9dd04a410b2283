/** The resources whose updates one client has subscribed to. */
export interface Subscriptions {
  /** `updateToken` belongs to the last update that the client does not need to be notified of. */
  add(uri: string, updateToken: string): Promise<void>
  remove(uri: string): Promise<void>
}

/** Subscriptions in memory, for a client whose stream and messages are handled by one process. */
export function createSubscriptions(): Subscriptions & { all: ReadonlyMap<string, string> } {
  const all = new Map<string, string>()
  return {
    all,
    async add(uri, updateToken) {
      all.set(uri, updateToken)
    },
    async remove(uri) {
      all.delete(uri)
    },
  }
}
