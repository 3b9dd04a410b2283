import type { Registration, RegistrationType } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

/** What names a registration: its type and, within that, its name. */
export interface Key {
  type: RegistrationType
  name: string
}

/**
 * Where registrations live. Every write is conditional on the version it replaces, so of two writers
 * at once exactly one wins, and every write changes `version`. Beside them stands which URIs were announced.
 */
export interface Registry {
  get(key: Key): Promise<Registration | undefined>
  /** False when the key is taken. */
  create(registration: Registration): Promise<boolean>
  /** False when the stored version is not `version` any more. */
  replace(registration: Registration, version: number): Promise<boolean>
  /** False when the stored version is not `version` any more. */
  remove(key: Key, version: number): Promise<boolean>
  /** Sorted by type (tools, resources, prompts) and name, from behind `after` on. Reads lazily, page by page. */
  list(options?: { type?: RegistrationType; after?: Key }): AsyncIterable<Registration>
  /** Tells all readers that what is read at this URI has changed. Durable when it resolves. */
  announceUpdate(uri: string): Promise<void>
  /** Of each of these URIs that was announced within the last day, the mark of its last announcement: no two are the same. */
  updateTokens(uris: string[]): Promise<ReadonlyMap<string, string>>
  /** Cheap to ask. */
  version(): Promise<RegistryVersion>
}

export interface RegistryVersion {
  /** Changes whenever a registration does. */
  registrations: string
  /** Changes with every announcement. */
  updates: string
}

/** Differs between any two states of a registration. The version alone does not: made anew, it is 1 again. */
export const stateOf = ({ version, updatedAt }: Registration): string => `${version}@${updatedAt}`
