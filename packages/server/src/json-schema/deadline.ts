import { type Context, createContext, Script } from 'node:vm'

export class DeadlineError extends Error {
  constructor() {
    super('takes too long')
  }
}

/** Milliseconds of the first attempt, and of the ones after it. */
const ATTEMPTS_MS = [250, 1_000, 4_000]

/**
 * Runs synchronous code and interrupts it after 250 ms, even within one regular expression. It may
 * need no more than some milliseconds of processor time. Where it did not get these, because the
 * processor is shared, it runs again with more time.
 *
 * @param processorMs is called only after an interruption
 * @throws DeadlineError
 */
export function runWithDeadline<Result>(run: () => Result, processorMs: () => number): Result {
  const before = process.cpuUsage()
  for (const milliseconds of ATTEMPTS_MS)
    try {
      return interruptAfter(milliseconds, run)
    } catch (error) {
      if (!(error instanceof DeadlineError)) throw error
      const { user, system } = process.cpuUsage(before)
      if ((user + system) / 1_000 >= processorMs()) throw error
    }
  throw new DeadlineError()
}

/** Made at the first use, which takes 1 ms. */
let script: Script | undefined
let context: Context | undefined

/**
 * Runs synchronous code for a limited time. Costs about 50 µs. Only the call comes from another
 * context: the code keeps its own globals.
 *
 * @throws DeadlineError
 */
function interruptAfter<Result>(milliseconds: number, run: () => Result): Result {
  script ??= new Script('run()')
  context ??= createContext({})
  context['run'] = run
  try {
    return script.runInContext(context, { timeout: milliseconds })
  } catch (error) {
    const { code } = error as { code?: unknown }
    throw code === 'ERR_SCRIPT_EXECUTION_TIMEOUT' ? new DeadlineError() : error
  } finally {
    // The context lives on, and must not keep the values of a call.
    context['run'] = undefined
  }
}
