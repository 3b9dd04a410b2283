/** How often something may happen: so often per second, and `burst` at once after a pause. */
export interface RateLimit {
  perSecond: number
  burst: number
}

/**
 * The requests of one caller that were admitted, in slots of time. Every environment adds to the
 * counts and reads all of them, so all compute the same from them. Old counts are summed up.
 */
export interface Charges {
  /** Requests by the number of their slot. */
  counts: Map<number, number>
  /** What all slots up to a number come to: `usedUntil`. The highest number counts. */
  sums: Map<number, number>
}

/** Charges of one slot count as if they came at its begin. */
const SLOT_MS = 50
/** After so many slots no environment adds to a slot any more. */
const SETTLED_SLOTS = 40

const slotAt = (time: number) => Math.floor(time / SLOT_MS)

export const noCharges = (): Charges => ({ counts: new Map(), sums: new Map() })

/**
 * The time until which the admitted requests use up the rate, in milliseconds since 1970: each uses
 * `1 / perSecond`, from its own time or from the end of the one before. This is the theoretical
 * arrival time of the generic cell rate algorithm:
 * https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm
 */
export function usedUntil(
  { counts, sums }: Charges,
  { perSecond }: RateLimit,
  lastSlot = Number.POSITIVE_INFINITY,
): number {
  const summed = Math.max(...[...sums.keys()].filter(it => it <= lastSlot), NO_SLOT)
  let used = sums.get(summed) ?? 0
  for (const slot of [...counts.keys()].sort((one, other) => one - other))
    if (slot > summed && slot <= lastSlot)
      used = Math.max(used, slot * SLOT_MS) + ((counts.get(slot) ?? 0) * 1000) / perSecond
  return used
}

const NO_SLOT = -1

/** Milliseconds until another request may be admitted; 0 for now. */
export function waitMs(charges: Charges, limit: RateLimit, now: number): number {
  const used = Math.max(usedUntil(charges, limit), now)
  return Math.max(0, used + ((1 - limit.burst) * 1000) / limit.perSecond - now)
}

/** A charge has no effect where its slot is summed up: it came too late, or from a clock behind. */
export const isSummedUp = ({ sums }: Charges, slot: number) => slot <= newest(sums)

const newest = (sums: Charges['sums']) => Math.max(NO_SLOT, ...sums.keys())

/** The slot that is charged at this time, or the one of other clocks where that is summed up. */
export function slotToCharge(charges: Charges, time: number): number {
  const slot = slotAt(time)
  return isSummedUp(charges, slot) ? newest(charges.sums) + SETTLED_SLOTS : slot
}

/** Adds requests to the slot of this time. */
export function add(charges: Charges, requests: number, time: number): void {
  const { counts } = charges
  const slot = slotToCharge(charges, time)
  counts.set(slot, (counts.get(slot) ?? 0) + requests)
}

/** One sum that takes the place of old counts and old sums. */
export interface Summary {
  slot: number
  usedUntil: number
  oldCounts: number[]
  oldSums: number[]
}

/**
 * The sum of the old counts; undefined where there are none. Environments that know all charges up
 * to `completeAt` compute the same sum.
 */
export function summarize(
  charges: Charges,
  limit: RateLimit,
  completeAt: number,
): Summary | undefined {
  const last = slotAt(completeAt) - SETTLED_SLOTS
  const oldCounts = [...charges.counts.keys()].filter(it => it <= last)
  if (oldCounts.length === 0) return undefined
  const slot = Math.max(...oldCounts)
  const oldSums = [...charges.sums.keys()].filter(it => it < slot)
  return { slot, usedUntil: usedUntil(charges, limit, slot), oldCounts, oldSums }
}

export function applySummary({ counts, sums }: Charges, summary: Summary): void {
  for (const it of summary.oldCounts) counts.delete(it)
  for (const it of summary.oldSums) sums.delete(it)
  if (![...sums.keys()].some(it => it >= summary.slot)) sums.set(summary.slot, summary.usedUntil)
}
