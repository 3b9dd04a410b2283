import type { Registration } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import type { Caller } from '../http/caller.ts'
import { describe } from '../http/errors.ts'
import { log } from '../http/log.ts'
import {
  add,
  applySummary,
  type Charges,
  isSummedUp,
  noCharges,
  type RateLimit,
  type Summary,
  slotToCharge,
  summarize,
  usedUntil,
  waitMs,
} from './charges.ts'
import { RateLimited } from './rate-limited.ts'

/** Limits how often a caller runs functions, across all environments. */
export interface RateLimits {
  /**
   * Admits a request and charges it, or rejects with `RateLimited`. Where the table has to be
   * reached first, it also rejects with the failure of the table.
   */
  admit(request: LimitedRequest): Promise<void>
  /** Resolves when the charges so far are stored, or after a second. */
  settled(): Promise<void>
}

export interface LimitedRequest {
  caller: Caller
  /** What is called, where that is known. */
  registration?: Pick<Registration, 'id' | 'rateLimit'>
  /** False where the request counted for its caller before. @default true */
  countsForCaller?: boolean
}

/** Keeps the charges of all environments. */
export interface ChargeStore {
  /** Adds requests to a slot, in one write. Resolves with the charges of all environments. */
  charge(key: ChargeKey, charge: NewCharge): Promise<Charges>
}

export interface ChargeKey {
  owner: string
  /** The id of a registration; undefined for the limit of the caller. */
  registration: string | undefined
  /** A limit that changes begins without charges: those of another one mean another time. */
  limit: RateLimit
}

interface NewCharge {
  slot: number
  requests: number
  summary: Summary | undefined
  /** Milliseconds since 1970, after which the charges have no effect. */
  expiresAt: number
}

export interface RateLimitsOptions {
  store: ChargeStore
  /** The limit of each caller. Undefined: only registrations have limits. */
  ofCaller: RateLimit | undefined
  /** What becomes of a request that cannot be charged: it is admitted, or it is refused. */
  onFailure: 'open' | 'closed'
  now?: () => number
}

/** What this environment knows of one limit of one caller. */
interface Known {
  charges: Charges
  /** When the charges of all environments were known last. */
  completeAt: number
  /** Requests that are not in the table yet. */
  owed: number
  /** The last write failed. */
  hasFailed: boolean
  /** The charge of the last write has no effect, so it is written again. */
  wasLate: boolean
  writing: Promise<void> | undefined
}

interface Applied {
  key: ChargeKey
  known: Known
}

/** Limits of callers that an environment knows at once. */
const MAX_KNOWN = 1_000
/** Milliseconds that an environment waits for its charges before it is frozen. */
const SETTLE_MS = 1_000
/** Milliseconds that charges are kept beyond their effect. */
const KEEP_MS = 60_000
const WARN_MS = 60_000

/**
 * A request is admitted or refused by what the environment knows, without a read. Then it is
 * charged: one write for each of its limits, which also tells what the other environments have
 * charged. An environment that knew too little admits too much; that is charged as well, so all
 * environments refuse more afterwards. A refused request is not charged.
 */
export function createRateLimits(options: RateLimitsOptions): RateLimits {
  const { store: chargeStore, ofCaller, onFailure, now = Date.now } = options
  const known = new Map<string, Known>()
  const writes = new Set<Promise<void>>()
  let warnedAt = Number.NEGATIVE_INFINITY

  return {
    async admit(request) {
      const applied = appliedTo(request)
      const time = now()
      for (const { key, known } of applied) {
        const wait = waitMs(known.charges, key.limit, time)
        if (wait > 0) throw new RateLimited(messageOf(key), wait)
      }
      for (const { known } of applied) {
        add(known.charges, 1, time)
        known.owed += 1
      }
      const stored = applied.map(store)
      if (onFailure === 'open') return
      await Promise.all(stored).catch(error => {
        takeBack(applied, time)
        throw error
      })
    },
    async settled() {
      if (writes.size === 0) return
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<void>(resolve => {
        timer = setTimeout(resolve, SETTLE_MS)
      })
      await Promise.race([Promise.all(writes), late])
      clearTimeout(timer)
    },
  }

  function appliedTo({ caller, registration, countsForCaller = true }: LimitedRequest): Applied[] {
    const { owner } = caller
    const applied: Applied[] = []
    if (ofCaller && countsForCaller)
      applied.push(apply({ owner, registration: undefined, limit: ofCaller }))
    const limit = registration?.rateLimit
    if (registration && limit)
      applied.push(apply({ owner, registration: registration.id, limit: withBurst(limit) }))
    return applied
  }

  /** The limit that was not used for longest is forgotten. */
  function apply(key: ChargeKey): Applied {
    const { registration = '', owner, limit } = key
    const name = `${registration} ${limit.perSecond}/${limit.burst} ${owner}`
    const found = known.get(name) ?? {
      charges: noCharges(),
      completeAt: Number.NEGATIVE_INFINITY,
      owed: 0,
      hasFailed: false,
      wasLate: false,
      writing: undefined,
    }
    known.delete(name)
    known.set(name, found)
    const [oldest] = known.keys()
    if (known.size > MAX_KNOWN && oldest !== undefined) known.delete(oldest)
    return { key, known: found }
  }

  /** Resolves when all that is owed is stored. Rejects, and it stays owed, when a write fails. */
  function store(applied: Applied): Promise<void> {
    const { known } = applied
    if (known.writing) return known.writing
    const writing = storeAll(applied)
    known.writing = writing
    const ended: Promise<void> = writing.catch(warn).finally(() => writes.delete(ended))
    writes.add(ended)
    return writing
  }

  /** What is admitted during a write is stored by the next one. */
  async function storeAll({ key, known }: Applied): Promise<void> {
    try {
      while (known.owed > 0) await write(key, known)
    } finally {
      known.writing = undefined
    }
  }

  async function write(key: ChargeKey, known: Known): Promise<void> {
    const time = now()
    const { limit } = key
    const { charges } = known
    const intervalMs = 1000 / limit.perSecond
    const usedMs = Math.max(0, usedUntil(charges, limit) - time)
    // What is owed since a failure has passed in part.
    const stillOwed = Math.max(1, Math.ceil(usedMs / intervalMs))
    const requests = known.hasFailed ? Math.min(known.owed, stillOwed) : known.owed
    const slot = slotToCharge(charges, time)
    known.owed = 0
    try {
      known.charges = await chargeStore.charge(key, {
        slot,
        requests,
        // The clock may have been set back since.
        summary: summarize(charges, limit, Math.min(known.completeAt, time)),
        expiresAt: time + usedMs + limit.burst * intervalMs + KEEP_MS,
      })
      known.completeAt = time
      known.hasFailed = false
      // Not twice in a row: writes that always take so long would never end.
      known.wasLate = !known.wasLate && isSummedUp(known.charges, slot)
      if (known.wasLate) known.owed += requests
      if (known.owed > 0) add(known.charges, known.owed, now())
    } catch (error) {
      known.owed += requests
      known.hasFailed = true
      const summary = summarize(charges, limit, time)
      if (summary) applySummary(charges, summary)
      throw error
    }
  }

  /** The request does not run. */
  function takeBack(applied: Applied[], time: number) {
    for (const { known } of applied) {
      if (known.owed === 0) continue
      known.owed -= 1
      add(known.charges, -1, time)
    }
  }

  /** At most once per minute. */
  function warn(error: unknown) {
    if (onFailure === 'closed' || now() - warnedAt < WARN_MS) return
    warnedAt = now()
    log.warn('rate limits hold for each environment alone: the Session table cannot be used', {
      error: describe(error),
    })
  }
}

const messageOf = ({ registration, limit: { perSecond } }: ChargeKey) =>
  registration === undefined
    ? `Too many calls of this caller: ${perSecond} per second are admitted (setting RateLimit)`
    : `Too many calls of ${registration} by this caller: ${perSecond} per second are admitted (its rateLimit)`

/** The default burst is what a second admits. */
const withBurst = ({ perSecond, burst }: { perSecond: number; burst?: number | undefined }) => ({
  perSecond,
  burst: burst ?? Math.max(1, Math.ceil(perSecond)),
})
