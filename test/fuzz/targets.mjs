import { Worker } from 'node:worker_threads'

import { startStack } from './stack.mjs'

/** The targets, each with its number of cases. */
export const TARGETS = { http: 100_000, outputs: 200_000, 'event-streams': 50_000 }

/** A case that takes longer runs again, alone. */
const HANG_MS = 2_000
/**
 * Alone, a case is a hang when it takes so much longer, or so much processor time. A busy machine
 * makes no hangs.
 */
const ALONE_MS = 10_000
/** A thread without a beat for so long is stuck in one case. */
const STUCK_MS = 4_000
const MAX_RUNNERS = 32

/** @typedef {import('./worker.mjs').Finding} Finding */

/**
 * Runs the cases of a target. Resolves with what was found.
 *
 * @param {keyof typeof TARGETS} name
 * @param {{ seed: number, count: number, only?: number | undefined }} options
 * @returns {Promise<Finding[]>}
 */
export async function runTarget(name, { seed, count, only }) {
  const stack = name === 'http' ? await startStack() : undefined
  /** @type {Finding[]} */
  const findings = []
  /** @type {Set<number>} */
  const late = new Set()
  try {
    if (only !== undefined) await runAlone(only)
    for (let from = 0; only === undefined && from < count; ) {
      const stuck = await runCases({ from, to: count })
      for (const index of stuck) late.add(index)
      from = stuck.length > 0 ? Math.max(...stuck) + 1 : count
    }
    const suspects = [...late]
    late.clear()
    for (const index of suspects) await runAlone(index)
    return findings
  } finally {
    await stack?.close()
  }

  /** @param {number} index */
  async function runAlone(index) {
    const stuck = await runCases([index])
    const isHang = stuck.length > 0 || late.has(index)
    if (isHang) findings.push({ index, problem: `a hang of more than ${HANG_MS} ms`, input: '' })
  }

  /**
   * Runs cases in one thread. Resolves with the cases in which the thread got stuck.
   *
   * @param {{ from: number, to: number } | number[]} indices
   * @returns {Promise<number[]>}
   */
  function runCases(indices) {
    const beats = new Int32Array(new SharedArrayBuffer(4 * (1 + MAX_RUNNERS))).fill(-1)
    const workerData = {
      ...{ target: name, seed, indices, beats },
      hangMs: Array.isArray(indices) ? ALONE_MS : HANG_MS,
      processorMs: HANG_MS,
      dist: stack?.dist,
    }
    const worker = new Worker(new URL('./worker.mjs', import.meta.url), {
      workerData,
      ...(stack && { env: { ...process.env, ...stack.environment } }),
    })
    return new Promise((resolve, reject) => {
      let [lastBeat, lastBeatAt] = [-1, Number.POSITIVE_INFINITY]
      const watchdog = setInterval(() => {
        const beat = Atomics.load(beats, 0)
        if (beat !== lastBeat) [lastBeat, lastBeatAt] = [beat, performance.now()]
        if (performance.now() - lastBeatAt > (Array.isArray(indices) ? ALONE_MS : STUCK_MS)) {
          const running = [...beats.subarray(1)].filter(it => it >= 0)
          void end(running)
        }
      }, 200)
      worker.on('message', ({ type, ...message }) => {
        if (type === 'finding') findings.push(message)
        else if (type === 'late') late.add(message.index)
        else void end([])
      })
      worker.on('error', error => {
        clearInterval(watchdog)
        reject(error)
      })

      /** @param {number[]} stuck */
      async function end(stuck) {
        clearInterval(watchdog)
        await worker.terminate()
        resolve(stuck)
      }
    })
  }
}
