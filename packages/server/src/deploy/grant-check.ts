import { createAdminClient } from '@markvp/mcp-lambda-sam-admin-client'
import type { SigningOptions } from '@markvp/mcp-lambda-sam-client/sigv4'

import type { Finding } from './doctor.ts'
import { reasonOf } from './url-problem.ts'

/** Each status costs a call of the Lambda API, which allows 15 of them per second to an account. */
const MAX_READ = 10

/**
 * Whether the registration function can add invoke permissions, by the registrations that exist.
 * Nothing but an attempt shows whether the condition of its role matches, so a missing permission
 * is repaired. No finding where nothing is registered.
 */
export async function* checkGrants(url: URL, signing: SigningOptions): AsyncGenerator<Finding> {
  try {
    const finding = await examine(url, signing)
    if (finding) yield finding
  } catch (error) {
    yield {
      step: 'grant',
      message: `the status of a registration: ${reasonOf(error)}`,
      hint: 'Look into the log of the registration function.',
    }
  }
}

async function examine(url: URL, signing: SigningOptions): Promise<Finding | undefined> {
  const admin = createAdminClient({ url, ...signing })
  let read = 0
  for await (const { id } of admin.list()) {
    const { status } = await admin.get(id)
    if (status.state === 'ready')
      return { step: 'grant', message: `the gateway may invoke the function of ${id}` }
    if (lacksPermission(status.state)) return repaired(id)
    if (++read === MAX_READ) break
  }
  return undefined

  async function repaired(id: string): Promise<Finding> {
    const { status } = await admin.repair(id)
    if (status.state === 'ready')
      return { step: 'grant', message: `the permission for ${id} was missing, and is added now` }
    const message = `${id}: ${status.message}`
    if (!lacksPermission(status.state)) return { step: 'grant', message }
    const isCondition = status.message.includes('GrantCondition=none')
    return { step: 'grant', message, hint: isCondition ? CONDITION_HINT : status.fix.join('\n') }
  }
}

/** The statement is not there, or cannot be added. */
const lacksPermission = (state: string) => state === 'missing' || state === 'not_granted'

const CONDITION_HINT = `Deploy the stack again with: mcp-lambda-sam deploy --parameter GrantCondition=none --stack-name <its name>
Then the registration function may allow every principal, not only the gateway, to invoke functions of the account.`
