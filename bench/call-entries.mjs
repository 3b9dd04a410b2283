// What the log entries of calls cost: the processor time of the mcp function's handler alone, in turn
// without entries, by default, and with an entry of each call.
import { handlerAlone } from './processor.mjs'
import { table } from './table.mjs'
import { median } from './turns.mjs'

/** The ends of the phases, in calls. */
const PHASES = [100, 1_000, 6_000]
const ROUNDS = 9

/** @type {Record<string, Record<string, string>>} settings, the first to compare with */
const SIDES = {
  'without entries': { AWS_LAMBDA_LOG_LEVEL: 'WARN' },
  'by default': {},
  'LogCalls: all': { LOG_CALLS: 'all' },
}

/** @param {import('./run.mjs').Options} options */
export default async function callEntries({ times }) {
  const phases = PHASES.map(times)
  /** @type {Record<string, Record<string, number[][]>>} by kind of call and by side */
  const found = {}
  for (let round = 0; round < times(ROUNDS); round++)
    for (const [side, settings] of Object.entries(SIDES))
      for (const [kind, ms] of Object.entries(await handlerAlone(phases, settings))) {
        found[kind] ??= {}
        found[kind][side] = [...(found[kind][side] ?? []), ms]
      }
  return table(
    ['processor time of a call', `to ${phases[0]}`, `to ${phases[1]}`, `the rest, to ${phases[2]}`],
    Object.entries(found).flatMap(([kind, sides]) => {
      const [base, ...others] = Object.entries(sides).map(([side, all]) => ({
        side: `${kind === 'modern' ? '2026-07-28' : 'in a session'}, ${side}`,
        ms: phases.map((_, n) => median(all.map(it => it[n] ?? Number.NaN))),
      }))
      if (!base) return []
      return [
        [base.side, ...base.ms.map(ms => `${ms.toFixed(3)} ms`)],
        ...others.map(({ side, ms }) => [
          side,
          ...ms.map((it, n) => {
            const more = it - (base.ms[n] ?? 0)
            return `${(more * 1000).toFixed(0)} µs (${((100 * more) / (base.ms[n] ?? 0)).toFixed(1)} %)`
          }),
        ]),
      ]
    }),
  )
}
