// Runs the cases of one target in a thread of its own, so that the main thread can end a case that
// never yields.
import { parentPort, workerData } from 'node:worker_threads'

/**
 * @typedef {{
 *   concurrency: number,
 *   start(seed: number): Promise<{
 *     run(index: number): Promise<string[]> | string[],
 *     show(index: number): unknown,
 *   }>,
 * }} Target
 */
/** @typedef {{ index: number, problem: string, input: string }} Finding */
/**
 * @typedef {{
 *   target: string,
 *   seed: number,
 *   indices: { from: number, to: number } | number[],
 *   beats: Int32Array,
 *   dist: string,
 *   hangMs: number,
 *   processorMs: number,
 * }} WorkerInput `beats` has a counter, then the case that each runner has
 */

const {
  target: name,
  seed,
  indices,
  beats,
  hangMs,
  processorMs,
} = /** @type {WorkerInput} */ (workerData)
const { target } = /** @type {{ target: Target }} */ (await import(`./${name}.mjs`))

// The gateway's own log. What it says is not a case's business.
for (const level of /** @type {const} */ (['info', 'warn', 'error', 'log']))
  console[level] = () => {}

process.on('unhandledRejection', reason => report(-1, `unhandled rejection: ${stackOf(reason)}`))
process.on('uncaughtException', error => report(-1, `uncaught exception: ${stackOf(error)}`))

const { run, show } = await target.start(seed)
setInterval(() => Atomics.add(beats, 0, 1), 50)

const queue = cases()
const isAlone = Array.isArray(indices)
await Promise.all(Array.from({ length: isAlone ? 1 : target.concurrency }, (_, n) => work(n + 1)))
// A rejection shows in the next turns.
await new Promise(resolve => setTimeout(resolve, 100))
parentPort?.postMessage({ type: 'done' })
process.exit()

/** @param {number} slot */
async function work(slot) {
  for (const index of queue) {
    Atomics.store(beats, slot, index)
    const begun = performance.now()
    const used = process.cpuUsage()
    /** @type {NodeJS.Timeout | undefined} */
    let timer
    const late = new Promise(resolve => {
      timer = setTimeout(() => resolve(undefined), hangMs)
    })
    try {
      const problems = await Promise.race([run(index), late])
      const isLate = problems === undefined || isSlow(begun, used)
      if (isLate) parentPort?.postMessage({ type: 'late', index })
      else for (const problem of /** @type {string[]} */ (problems)) report(index, problem)
    } catch (error) {
      report(index, `thrown: ${stackOf(error)}`)
    } finally {
      clearTimeout(timer)
    }
    Atomics.store(beats, slot, -1)
    // Timers get a turn, so that the beat goes on.
    if (index % 64 === 0) await new Promise(resolve => setImmediate(resolve))
  }
}

/**
 * Only processor time tells a slow case from a busy machine, and only where one case runs.
 *
 * @param {number} begun
 * @param {NodeJS.CpuUsage} before
 */
function isSlow(begun, before) {
  if (!isAlone) return performance.now() - begun > hangMs
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000 > processorMs
}

function* cases() {
  if (Array.isArray(indices)) yield* indices
  else for (let index = indices.from; index < indices.to; index++) yield index
}

/**
 * @param {number} index
 * @param {string} problem
 */
function report(index, problem) {
  const running = [...beats.subarray(1)].filter(it => it >= 0)
  const input =
    index >= 0 ? safely(() => JSON.stringify(show(index))) : `among ${running.join(', ')}`
  parentPort?.postMessage({ type: 'finding', index, problem, input: input.slice(0, 3_000) })
}

/** @param {() => string} make */
function safely(make) {
  try {
    return make() ?? ''
  } catch (error) {
    return String(error)
  }
}

/** @param {unknown} error */
function stackOf(error) {
  return String((error instanceof Error && error.stack) || error).slice(0, 1_500)
}
