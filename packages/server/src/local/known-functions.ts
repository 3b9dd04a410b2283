import { type EnvironmentPool, environmentPool } from './environment-pool.ts'
import type { Host } from './execution-environment.ts'
import type { FunctionSource } from './functions/source.ts'
import type { FunctionError, FunctionOutput, Invoke } from './invocation.ts'
import type { LambdaFunction } from './lambda-function.ts'

/** The functions that can be invoked by name: the gateway's own and the developer's. */
export interface KnownFunctions {
  has(name: string): Promise<boolean>
  invoke: Invoke
  /** Starts a process of the function, so that a debugger finds it. */
  prepare(name: string): Promise<void>
}

/** Is called for each invocation, before the function runs. */
export type OnInvocation = (invocation: {
  functionName: string
  requestId: string
  /** The process that runs the function. */
  pid: number
  /** Path of the HTTP request, for invocations through a Function URL. */
  path?: string
  /** Method of the HTTP request. */
  method?: string
}) => void

export interface KnownFunctionsOptions {
  own: LambdaFunction[]
  source: FunctionSource | undefined
  concurrency: number
  host: Host
  onInvocation: OnInvocation | undefined
}

export function knownFunctions({
  own,
  source,
  concurrency,
  host,
  onInvocation,
}: KnownFunctionsOptions): KnownFunctions {
  const pools = new Map<string, { fn: LambdaFunction; pool: EnvironmentPool }>()

  return {
    has: async name => own.some(fn => fn.name === name) || (await source?.has(name)) === true,
    async prepare(name) {
      const fn = await find(name)
      if (!('errorType' in fn)) await poolOf(fn).prepare()
    },
    async invoke(functionName, invocation, request) {
      const { requestId } = invocation
      const output = await run()
      if (output.type === 'error') report(output.error)
      if (output.type === 'stream') void output.failure.then(error => error && report(error))
      return output

      async function run(): Promise<FunctionOutput> {
        const fn = await find(functionName)
        if ('errorType' in fn) return { type: 'error', error: fn }
        if (fn.isolatesTenants === (invocation.tenantId === undefined))
          return { type: 'wrong-tenant', needsTenant: fn.isolatesTenants }
        return poolOf(fn).invoke(invocation, pid =>
          onInvocation?.({ functionName, requestId, pid, ...request }),
        )
      }

      function report(error: FunctionError) {
        // The runtime has already logged an error that has a stack.
        if (error.trace ?? error.stackTrace) return
        const message = `${error.errorType}: ${error.errorMessage}`
        host.log({ level: 'error', functionName, requestId, message })
      }
    },
  }

  async function find(name: string): Promise<LambdaFunction | FunctionError> {
    try {
      const fn = own.find(fn => fn.name === name) ?? (await source?.find(name))
      return (
        fn ?? {
          errorType: 'Runtime.ImportModuleError',
          errorMessage: `The file of the function ${name} was deleted`,
        }
      )
    } catch (error) {
      return { errorType: 'Runtime.UserCodeSyntaxError', errorMessage: (error as Error).message }
    }
  }

  /** A changed function keeps its pool. The pool replaces the execution environments. */
  function poolOf(fn: LambdaFunction): EnvironmentPool {
    const known = pools.get(fn.name)
    if (known?.fn === fn) return known.pool
    known?.pool.replaceFunction(fn)
    const pool = known?.pool ?? environmentPool(fn, concurrency, host)
    pools.set(fn.name, { fn, pool })
    return pool
  }
}
