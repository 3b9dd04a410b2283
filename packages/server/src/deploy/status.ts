import { CloudFormationClient } from '@aws-sdk/client-cloudformation'
import { createAdminClient, type NotReady } from '@markvp/mcp-lambda-sam-admin-client'
import { type SigningOptions, signedFetch } from '@markvp/mcp-lambda-sam-client/sigv4'

import { type AccountOptions, signIn } from './account.ts'
import { explained } from './errors.ts'
import {
  DEFAULT_STACK_NAME,
  findStack,
  foreign,
  isBeingMade,
  isGateway,
  notFound,
} from './stack.ts'

export interface Status {
  stackName: string
  region: string
  /** CloudFormation's word for the state of the stack. */
  stackStatus: string
  updatedAt: Date | undefined
  outputs: Record<string, string>
  /** Absent where there are no URLs yet. */
  gateway?: Found<{ version: string }>
  registrations?: Found<{ count: number; notReady: (NotReady & { id: string })[] }>
}

/** What was found, or why nothing was. */
export type Found<Value> = Value | { problem: string }

/** What is deployed, and for which registrations the right to invoke their function is missing. */
export async function readStatus(
  options: AccountOptions & { stackName?: string | undefined },
): Promise<Status> {
  const { stackName = DEFAULT_STACK_NAME, profile, credentials, signal } = options
  try {
    const { config, region } = await signIn(options)
    const stack = await findStack(new CloudFormationClient(config), stackName, signal)
    if (!stack) throw notFound(stackName, region)
    if (!isGateway(stack) && !isBeingMade(stack)) throw foreign(stackName)
    const { status, updatedAt, outputs } = stack
    const known = { stackName, region, stackStatus: status, updatedAt, outputs }
    const { McpUrl, RegistrationUrl } = outputs
    if (!McpUrl || !RegistrationUrl) return known

    const signing: SigningOptions = {
      region,
      ...(profile !== undefined && { profile }),
      ...(credentials !== undefined && { credentials }),
    }
    const [gateway, registrations] = await Promise.all([
      found(() => health(McpUrl, signing)),
      found(() => readiness(RegistrationUrl, signing)),
    ])
    return { ...known, gateway, registrations }
  } catch (error) {
    throw explained(error)
  }
}

async function found<Value>(look: () => Promise<Value>): Promise<Found<Value>> {
  try {
    return await look()
  } catch (error) {
    const { message, cause } = error as Error
    const reason = cause instanceof Error && message === 'fetch failed' ? cause.message : message
    return { problem: reason }
  }
}

async function health(url: string, signing: SigningOptions): Promise<{ version: string }> {
  const response = await signedFetch(signing)(new URL('/health', url), {
    signal: AbortSignal.timeout(30_000),
  })
  if (!response.ok) throw new Error(`${url} answered ${response.status}`)
  return (await response.json()) as { version: string }
}

/** The list tells no status, so that it stays one read; each registration does. */
async function readiness(url: string, signing: SigningOptions) {
  const admin = createAdminClient({ url, ...signing })
  const ids: string[] = []
  for await (const { id } of admin.list()) ids.push(id)
  const notReady: (NotReady & { id: string })[] = []
  for (let start = 0; start < ids.length; start += AT_ONCE) {
    const some = ids.slice(start, start + AT_ONCE)
    for (const { id, status } of await Promise.all(some.map(id => admin.get(id))))
      if (status.state !== 'ready') notReady.push({ id, ...status })
  }
  return { count: ids.length, notReady }
}

// Lambda's control API allows fifteen policies to be read in a second, by everyone in the account.
const AT_ONCE = 5
