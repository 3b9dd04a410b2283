import { CloudFormationClient } from '@aws-sdk/client-cloudformation'
import {
  type AdminError,
  createAdminClient,
  type NotReady,
} from '@markvp/mcp-lambda-sam-admin-client'
import { readRefusal, type SigningOptions, signedFetch } from '@markvp/mcp-lambda-sam-client/sigv4'

import { isRecord } from '../is-record.ts'
import { type AccountOptions, signIn } from './account.ts'
import { toDeployError } from './errors.ts'
import { type LastDay, readLastDay } from './last-day.ts'
import {
  findStack,
  foreignStack,
  hasNoOutputsYet,
  isGateway,
  stackNameOf,
  stackNotFound,
} from './stack.ts'
import { type UrlProblem, urlProblemOf } from './url-problem.ts'

export interface Status {
  stackName: string
  region: string
  /** As CloudFormation names it: UPDATE_COMPLETE. */
  stackStatus: string
  updatedAt: Date | undefined
  outputs: Record<string, string>
  /** Absent while the stack has no URLs. */
  gateway?: Found<{ version: string }>
  registrations?: Found<Registrations>
  /** Absent where an older stack does not name its mcp function. */
  lastDay?: Found<LastDay>
}

interface Registrations {
  count: number
  /** The gateway may not invoke their functions. */
  notReady: (NotReady & { id: string })[]
  /** They hold what would be refused today, so that it has no effect. */
  refused: { id: string; warnings: string[] }[]
}

/** What was read, or why it could not be read. */
type Found<Value> = Value | { problem: UrlProblem }

/** Reads what is deployed, and the registrations that need a repair. */
export async function readStatus(
  options: AccountOptions & { stackName?: string | undefined },
): Promise<Status> {
  const { profile, credentials, signal } = options
  const stackName = stackNameOf(options)
  try {
    const { config, region } = await signIn(options)
    const stack = await findStack(new CloudFormationClient(config), stackName, signal)
    if (!stack) throw stackNotFound(stackName, region)
    if (!isGateway(stack) && !hasNoOutputsYet(stack)) throw foreignStack(stackName)
    const { status, updatedAt, outputs } = stack
    const known = { stackName, region, stackStatus: status, updatedAt, outputs }
    const { McpUrl, RegistrationUrl, McpFunctionName } = outputs
    if (!McpUrl || !RegistrationUrl) return known

    const signing: SigningOptions & { region: string } = {
      region,
      ...(profile !== undefined && { profile }),
      ...(credentials !== undefined && { credentials }),
    }
    const memoryMb = Number(stack.parameters['MemorySize'])
    const [gateway, registrations, lastDay] = await Promise.all([
      readVersion(McpUrl, signing).catch(toProblem),
      readRegistrations(RegistrationUrl, signing).catch(toProblem),
      McpFunctionName ? readLastDay(McpFunctionName, memoryMb, signing) : undefined,
    ])
    return { ...known, gateway, registrations, ...(lastDay && { lastDay }) }
  } catch (error) {
    throw toDeployError(error)
  }
}

const toProblem = (error: unknown) => ({ problem: urlProblemOf(error) })

async function readVersion(
  url: string,
  signing: SigningOptions,
): Promise<Found<{ version: string }>> {
  const health = new URL('/health', url)
  const response = await signedFetch(signing)(health, { signal: AbortSignal.timeout(30_000) })
  if (!response.ok)
    return toProblem(await readRefusal(response, { ...signing, url: health, isRepeatable: true }))
  const body: unknown = await response.json()
  if (isRecord(body) && typeof body['version'] === 'string') return { version: body['version'] }
  const message = `${url} answered without a version`
  return { problem: { message, hint: 'Deploy the stack again.' } }
}

/** A list of registrations has no status, so that it stays one read. Each registration has one. */
async function readRegistrations(url: string, signing: SigningOptions): Promise<Registrations> {
  const admin = createAdminClient({ url, ...signing })
  const ids: string[] = []
  for await (const { id } of admin.list()) ids.push(id)
  let count = 0
  const notReady: Registrations['notReady'] = []
  const refused: Registrations['refused'] = []
  for (let start = 0; start < ids.length; start += AT_ONCE) {
    const some = ids.slice(start, start + AT_ONCE)
    const found = await Promise.all(some.map(id => admin.get(id).catch(undefinedWhereRemoved)))
    for (const { id, status, warnings = [] } of found.filter(it => it !== undefined)) {
      count += 1
      if (status.state !== 'ready') notReady.push({ id, ...status })
      if (warnings.length > 0) refused.push({ id, warnings })
    }
  }
  return { count, notReady, refused }
}

/** A registration that somebody removed since it was listed. */
function undefinedWhereRemoved(error: AdminError): undefined {
  if (error.code !== 'registration_not_found') throw error
}

// The Lambda API allows 15 GetPolicy requests per second to the whole account.
const AT_ONCE = 5
