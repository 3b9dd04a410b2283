import type {
  Prompt,
  Registration,
  RegistrationType,
  Resource,
  Tool,
} from '@markvp/mcp-lambda-sam-admin-client/api-schema'

/** A registration of this type. */
export type ItemOf<Type extends RegistrationType> = {
  tool: Tool
  resource: Resource
  prompt: Prompt
}[Type]

/** Identifies a registration: names are unique within a type. */
export interface Key {
  type: RegistrationType
  name: string
}

/**
 * Stores registrations and the updates of their resources. Every write names the version that it
 * replaces, so that exactly one of two concurrent writers wins. Every write changes `version()`.
 */
export interface Registry {
  get(key: Key): Promise<Registration | undefined>
  /** False when the key exists already. */
  create(registration: Registration): Promise<boolean>
  /** False when `version` is not the stored version. */
  replace(registration: Registration, version: number): Promise<boolean>
  /** False when `version` is not the stored version. */
  remove(key: Key, version: number): Promise<boolean>
  /**
   * Registrations after `after`, sorted by type (tools, resources, prompts) and name, `limit` at
   * most. Reads lazily, page by page.
   */
  list(options?: {
    type?: RegistrationType
    after?: Key
    limit?: number
  }): AsyncIterable<Registration>
  /**
   * Whether a registration has this function. Reads a few rows, however many have it. It finds
   * every write that has resolved before the call.
   */
  isUsed(lambdaArn: string): Promise<boolean>
  /** Lets `isUsed` find a stored registration that was not written by this interface. */
  recordFunction(registration: Registration): Promise<void>
  /**
   * Announces that the resource at this URI was updated. All readers can see it when this resolves.
   */
  announceUpdate(uri: string): Promise<void>
  /**
   * The update tokens of those URIs that had a resource update within the last day. Each update has
   * a new token.
   */
  updateTokens(uris: string[]): Promise<ReadonlyMap<string, string>>
  /** Whether a registration has the calling contract `mcp`. Cheap to read. */
  usesMcpContract(): Promise<boolean>
  /**
   * The registrations that were written since a time, in milliseconds since 1970 by the clocks of
   * their writers, and some that were not written after all. Undefined where these are too many.
   */
  changesSince(time: number): Promise<Change[] | undefined>
  /**
   * The registry version. Cheap to read.
   *
   * @param options.isConsistent whether it includes every write that has returned. An eventually
   *   consistent read costs half, and is usually less than a second behind. Default: true
   */
  version(options?: { isConsistent?: boolean }): Promise<RegistryVersion>
}

/** What a gateway needs that serves what is registered. */
export type RegistryReads = Pick<
  Registry,
  'get' | 'list' | 'version' | 'changesSince' | 'usesMcpContract' | 'updateTokens'
>

/** One write of a registration. Each has an id of its own. */
export interface Change {
  id: string
  key: Key
}

export interface RegistryVersion {
  /** Changes with every write of a registration. */
  registrations: string
  /** Changes with every resource update. */
  updates: string
}

/**
 * Differs between any two states of a registration. `version` alone does not: it starts at 1 again
 * when a registration is deleted and created anew.
 */
export const stateOf = ({ version, updatedAt }: Registration): string => `${version}@${updatedAt}`
