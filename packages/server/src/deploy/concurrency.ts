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

/** A part of the concurrency that a new stack should reserve. */
export interface Reservation extends Concurrency {
  reserved: number
}

/**
 * The reservation for a new stack. It keeps streams that no client ends from taking what the
 * other functions of the account need, and bounds what they cost. Undefined where AWS would refuse
 * it, or where so little is left that the gateway would turn its clients away.
 */
export function proposeReservation({ limit, unreserved }: Concurrency): Reservation | undefined {
  const reserved = Math.min(unreserved - KEPT_UNRESERVED, USUAL)
  return reserved >= USEFUL ? { limit, unreserved, reserved } : undefined
}

/**
 * AWS refuses a reservation that leaves less for all other functions:
 * https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
 */
const KEPT_UNRESERVED = 100
/** Streams and requests at the same time, and a thousand requests per second. */
const USUAL = 100
const USEFUL = 10

const PER_CLIENT = 3
const ENOUGH = 100

export const unknownConcurrency = (reason: string): Warning => ({
  message: `It is unknown how many functions this account runs at the same time: ${reason.replace(/\.$/, '')}`,
  hint: 'Allow lambda:GetAccountSettings, or look at the quota "Concurrent executions" of AWS Lambda in the Service Quotas console. New accounts have a low one.',
})
