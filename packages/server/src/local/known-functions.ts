import { type Environments, environments } from './environment-pool.ts'
import type { Host } from './execution-environment.ts'
import type { LambdaFunction } from './function-arn.ts'
import type { Discovery } from './function-discovery.ts'
import type { FunctionError, Invoke, Reply } from './invocation.ts'

/** All functions that can be invoked by name. */
export interface Catalogue {
  has(name: string): Promise<boolean>
  invoke: Invoke
}

export type Watch = (invocation: {
  functionName: string
  requestId: string
  pid: number
  /** Of the request, when it came through a Function URL. */
  path?: string
  method?: string
}) => void

export interface CatalogueOptions {
  own: LambdaFunction[]
  discovery: Discovery | undefined
  concurrency: number
  host: Host
  onInvocation: Watch | undefined
}

export function catalogue({
  own,
  discovery,
  concurrency,
  host,
  onInvocation,
}: CatalogueOptions): Catalogue {
  const running = new Map<string, { fn: LambdaFunction; environments: Environments }>()

  return {
    has: async name => own.some(fn => fn.name === name) || (await discovery?.has(name)) === true,
    async invoke(functionName, invocation, request) {
      const { requestId } = invocation
      const report = (error: FunctionError) => {
        // What the runtime reported, it has logged itself.
        if (!error.trace)
          host.log({
            level: 'error',
            functionName,
            requestId,
            message: `${error.errorType}: ${error.errorMessage}`,
          })
      }
      const reply = await run()
      if (reply.type === 'error') report(reply.error)
      if (reply.type === 'stream') void reply.failure.then(error => error && report(error))
      return reply

      async function run(): Promise<Reply> {
        const fn = await find(functionName)
        if ('errorType' in fn) return { type: 'error', error: fn }
        return ready(fn).invoke(invocation, pid =>
          onInvocation?.({ functionName, requestId, pid, ...request }),
        )
      }
    },
  }

  async function find(name: string): Promise<LambdaFunction | FunctionError> {
    try {
      const fn = own.find(fn => fn.name === name) ?? (await discovery?.find(name))
      return (
        fn ?? {
          errorType: 'Runtime.ImportModuleError',
          errorMessage: `The file of ${name} is gone`,
        }
      )
    } catch (error) {
      return { errorType: 'Runtime.UserCodeSyntaxError', errorMessage: String(error) }
    }
  }

  function ready(fn: LambdaFunction): Environments {
    const known = running.get(fn.name)
    if (known?.fn === fn) return known.environments
    known?.environments.replace(fn)
    const pool = known?.environments ?? environments(fn, concurrency, host)
    running.set(fn.name, { fn, environments: pool })
    return pool
  }
}
