// What is met first when there are more clients. Calls arrive at random; the environments that they
// need at once are simulated.
import { table } from './table.mjs'
import { quantile } from './turns.mjs'

const CLIENTS = [10, 1_000, 100_000]
/** Each client makes a call of this length once in this time, on average. */
const CALL_MS = 320
const EVERY_S = 60
/** The default quota of an account; a new one often has 10. */
const ACCOUNT = 1_000
/** Units per second that one partition of a table serves. */
const PARTITION = { reads: 3_000, writes: 1_000 }
/** Units per second that a table serves by default. */
const TABLE = 40_000

/** @typedef {import('./cost-usage.mjs').Usage} Usage */

/**
 * @param {Record<string, Usage[]>} calls
 * @param {Record<string, Usage>} idle of an hour
 */
export function capacity(calls, idle) {
  const session = calls['in a session']?.[1]
  const sse = idle['an open /sse stream']
  const listen = idle['a subscriptions/listen, with ServerPush']
  const perSecond = (/** @type {number} */ clients) => clients / EVERY_S
  /** @param {Usage | undefined} usage @param {number} clients */
  const ofStreams = (usage, clients) => ((usage?.reads ?? 0) * clients) / 3_600
  return [
    `When each client makes a call of ${CALL_MS} ms once in ${EVERY_S} s, at random (simulated: 99.9 % of the time not more):`,
    table(
      ['', ...CLIENTS.map(it => `${it.toLocaleString('en')} clients`)],
      [
        ['calls per second', ...CLIENTS.map(it => perSecond(it).toFixed(1))],
        [
          `environments of calls on /mcp, of ${ACCOUNT} of an account`,
          ...CLIENTS.map(it => String(environmentsOf(perSecond(it)))),
        ],
        [
          `environments of /sse or listening clients, of ${ACCOUNT}`,
          ...CLIENTS.map(it => it.toLocaleString('en')),
        ],
        [
          `write units per second in sessions, of ${TABLE}`,
          ...CLIENTS.map(it => ((session?.writes ?? 0) * perSecond(it)).toFixed(0)),
        ],
        [
          `read units per second of /sse streams, of ${TABLE}`,
          ...CLIENTS.map(it => ofStreams(sse, it).toFixed(0)),
        ],
        [
          `reads of the registry version per second, listening, of ${PARTITION.reads}`,
          ...CLIENTS.map(it => ofStreams(listen, it).toFixed(0)),
        ],
      ],
    ),
  ].join('\n\n')
}

/**
 * Environments that calls need at once.
 *
 * @param {number} rate calls per second
 */
function environmentsOf(rate) {
  const random = generator(1)
  const seconds = Math.max(60, Math.min(3_600, 200_000 / rate))
  /** @type {[number, number][]} */
  const changes = []
  for (let at = 0; at < seconds; ) {
    at += -Math.log(1 - random()) / rate
    changes.push([at, 1], [at + CALL_MS / 1_000, -1])
  }
  changes.sort(([a], [b]) => a - b)
  const samples = []
  let [running, next] = [0, 0]
  for (let at = 1; at < seconds; at += 0.05) {
    for (; (changes[next]?.[0] ?? Number.POSITIVE_INFINITY) <= at; next++)
      running += changes[next]?.[1] ?? 0
    samples.push(running)
  }
  return quantile(samples, 0.999)
}

/**
 * The same numbers in each run.
 *
 * @param {number} seed
 */
function generator(seed) {
  let state = seed
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 2 ** 32
    return state / 2 ** 32
  }
}
