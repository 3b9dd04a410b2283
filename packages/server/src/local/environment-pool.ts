import { type ExecutionEnvironment, type Host, startEnvironment } from './execution-environment.ts'
import type { FunctionOutput, Invocation } from './invocation.ts'
import type { LambdaFunction } from './lambda-function.ts'

/** The execution environments of one function. */
export interface EnvironmentPool {
  invoke(invocation: Invocation, onDispatch: (pid: number) => void): Promise<FunctionOutput>
  /**
   * Starts an execution environment if there is none, so that a debugger finds one. Code that does
   * not start is not started again.
   */
  prepare(): Promise<void>
  /** From now on, invocations run in execution environments with the new code only. */
  replaceFunction(fn: LambdaFunction): void
}

/** Milliseconds that an invocation waits for an environment that has sent its last response. */
const ALMOST_IDLE_MS = 50

/**
 * Starts one execution environment per concurrent invocation, up to its own limit or
 * `limit`, and keeps it for the next invocation of the same tenant. Above the limit an invocation
 * is throttled. At the limit an idle environment of another tenant makes room.
 */
export function environmentPool(fn: LambdaFunction, limit: number, host: Host): EnvironmentPool {
  const idle: ExecutionEnvironment[] = []
  const busy = new Set<ExecutionEnvironment>()
  /** The tenants of the execution environments that have run for one. */
  const tenants = new WeakMap<ExecutionEnvironment, string>()
  /** Execution environments that have run for no one yet. */
  const fresh = new WeakSet<ExecutionEnvironment>()
  /** Execution environments that still run replaced code. */
  const stale = new WeakSet<ExecutionEnvironment>()
  /** The invocations that wait until an execution environment is idle. */
  const waiting = new Map<ExecutionEnvironment, () => void>()
  let starting = 0
  /** The code that is starting, or that does not start. */
  let unready: LambdaFunction | undefined

  return {
    async invoke(invocation, onDispatch) {
      const { tenantId } = invocation
      const environment = takeIdle(tenantId) ?? (await takeAlmostIdle(tenantId)) ?? (await start())
      if ('type' in environment) return environment
      fresh.delete(environment)
      if (tenantId !== undefined) tenants.set(environment, tenantId)
      const output = environment.invoke(invocation)
      onDispatch(environment.pid)
      return output
    },
    async prepare() {
      if (unready === fn || idle.length + busy.size > 0) return
      const environment = await start()
      if ('type' in environment) return
      fresh.add(environment)
      onIdle(environment)
    },
    replaceFunction(next) {
      fn = next
      for (const environment of idle.splice(0)) environment.kill()
      for (const environment of busy) stale.add(environment)
    },
  }

  /** The one that was used last for this tenant: its caches are the warmest. */
  function takeIdle(tenantId: string | undefined) {
    const at = idle.findLastIndex(it => fresh.has(it) || tenants.get(it) === tenantId)
    const [environment] = at < 0 ? [] : idle.splice(at, 1)
    if (environment) busy.add(environment)
    return environment
  }

  /**
   * One that has sent its response to the invocation before, and does not ask for the next one yet.
   * Without it, a caller that sends one call after the other would start environments in between.
   */
  async function takeAlmostIdle(tenantId: string | undefined) {
    const environment = [...busy].find(
      it => it.hasResponded() && tenants.get(it) === tenantId && !stale.has(it) && !waiting.has(it),
    )
    if (!environment) return undefined
    await new Promise<void>(resolve => {
      const timer = setTimeout(resolve, ALMOST_IDLE_MS)
      waiting.set(environment, () => {
        clearTimeout(timer)
        resolve()
      })
    })
    waiting.delete(environment)
    return takeIdle(tenantId)
  }

  async function start(): Promise<
    ExecutionEnvironment | Extract<FunctionOutput, { type: 'throttled' | 'error' }>
  > {
    const most = fn.concurrency ?? limit
    if (starting + idle.length + busy.size >= most) idle.shift()?.kill()
    if (starting + idle.length + busy.size >= most) return { type: 'throttled' }
    // Count it before the first await: otherwise two invocations could take the last free place.
    starting++
    const version = fn
    unready = version
    try {
      const started = await startEnvironment(version, host, { onIdle, onExit })
      if ('errorType' in started) return { type: 'error', error: started }
      if (version === fn) unready = undefined
      else stale.add(started)
      busy.add(started)
      return started
    } finally {
      starting--
    }
  }

  function onIdle(environment: ExecutionEnvironment) {
    busy.delete(environment)
    if (stale.has(environment)) environment.kill()
    else idle.push(environment)
    waiting.get(environment)?.()
  }

  function onExit(environment: ExecutionEnvironment) {
    busy.delete(environment)
    const index = idle.indexOf(environment)
    if (index >= 0) idle.splice(index, 1)
    waiting.get(environment)?.()
  }
}
