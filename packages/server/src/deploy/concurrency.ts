import { GetAccountSettingsCommand, LambdaClient } from '@aws-sdk/client-lambda'

import type { Account } from './account.ts'
import type { Warning } from './warnings.ts'

/** How many functions can run at the same time, in one account and region. */
export interface Concurrency {
  limit: number
  /** The part of the limit that no function reserves. */
  unreserved: number
}

/** Needs `lambda:GetAccountSettings`. Rejects after ten seconds: no command needs the result. */
export async function readConcurrency(
  { config }: Account,
  signal?: AbortSignal,
): Promise<Concurrency> {
  const { AccountLimit } = await new LambdaClient(config).send(new GetAccountSettingsCommand(), {
    abortSignal: AbortSignal.any([AbortSignal.timeout(10_000), ...(signal ? [signal] : [])]),
  })
  const { ConcurrentExecutions: limit, UnreservedConcurrentExecutions: unreserved = limit } =
    AccountLimit ?? {}
  if (limit === undefined || unreserved === undefined)
    throw new Error('GetAccountSettings answered without a limit')
  return { limit, unreserved }
}

/** Undefined when many clients can work at the same time. */
export function lowConcurrency({ limit, unreserved }: Concurrency): Warning | undefined {
  if (unreserved >= ENOUGH) return undefined
  const clients = Math.floor(unreserved / PER_CLIENT)
  return {
    message: `This account runs ${limit} functions at the same time in this region, and ${unreserved} of them without a reservation`,
    hint: `An active client of /sse needs ${PER_CLIENT}: its stream, its request and the called function. With more than ${clients} such clients some requests get 429. New accounts have a low quota: ask for more in the Service Quotas console, at AWS Lambda, "Concurrent executions".`,
  }
}

const PER_CLIENT = 3
const ENOUGH = 100

export const unknownConcurrency = (reason: string): Warning => ({
  message: `It is unknown how many functions this account runs at the same time: ${reason.replace(/\.$/, '')}`,
  hint: 'Allow lambda:GetAccountSettings, or look at the quota "Concurrent executions" of AWS Lambda in the Service Quotas console. New accounts have a low one.',
})
