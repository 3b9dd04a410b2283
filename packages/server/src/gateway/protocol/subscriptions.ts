/** The resources whose updates one client wants to hear of. */
export interface Subscriptions {
  /** `mark` is that of the last announcement, which is no news to the client. */
  add(uri: string, mark: string): Promise<void>
  remove(uri: string): Promise<void>
}

/** Of a client whose stream and messages are this environment's. */
export function createSubscriptions(): Subscriptions & { all: ReadonlyMap<string, string> } {
  const all = new Map<string, string>()
  return {
    all,
    async add(uri, mark) {
      all.set(uri, mark)
    },
    async remove(uri) {
      all.delete(uri)
    },
  }
}
