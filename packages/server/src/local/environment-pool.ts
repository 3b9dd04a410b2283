import { type Environment, type Host, startEnvironment } from './execution-environment.ts'
import type { LambdaFunction } from './function-arn.ts'
import type { Invocation, Reply } from './invocation.ts'

/** All environments of one function. */
export interface Environments {
  invoke(invocation: Invocation, onDispatch: (pid: number) => void): Promise<Reply>
  /** From now on no environment that runs today is used for another invocation. */
  replace(fn: LambdaFunction): void
}

/** One process per invocation that runs at the same time, up to `limit`; kept for the next one. */
export function environments(fn: LambdaFunction, limit: number, host: Host): Environments {
  const idle: Environment[] = []
  const busy = new Set<Environment>()
  const stale = new WeakSet<Environment>()
  let starting = 0

  return {
    async invoke(invocation, onDispatch) {
      // The one used last is the one most likely to have everything warm.
      const environment = take() ?? (await start())
      if ('type' in environment) return environment
      const reply = environment.invoke(invocation)
      onDispatch(environment.pid)
      return reply
    },
    replace(next) {
      fn = next
      for (const environment of idle.splice(0)) environment.kill()
      for (const environment of busy) stale.add(environment)
    },
  }

  function take() {
    const environment = idle.pop()
    if (environment) busy.add(environment)
    return environment
  }

  async function start(): Promise<Environment | Extract<Reply, { type: 'throttled' | 'error' }>> {
    if (starting + idle.length + busy.size >= limit) return { type: 'throttled' }
    // The place is taken before anything is waited for, or two requests would share the last one.
    starting++
    const version = fn
    try {
      const started = await startEnvironment(version, host, { onIdle, onExit })
      if ('errorType' in started) return { type: 'error', error: started }
      if (version !== fn) stale.add(started)
      busy.add(started)
      return started
    } finally {
      starting--
    }
  }

  function onIdle(environment: Environment) {
    busy.delete(environment)
    if (stale.has(environment)) environment.kill()
    else idle.push(environment)
  }

  function onExit(environment: Environment) {
    busy.delete(environment)
    const index = idle.indexOf(environment)
    if (index >= 0) idle.splice(index, 1)
  }
}
