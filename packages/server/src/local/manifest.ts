import type { RegistrationInput } from '@markvp/mcp-lambda-sam-admin-client'

import { functionArn } from './function-arn.ts'
import type { Configuration, ConfiguredFunction } from './functions/configured-source.ts'
import { fingerprint } from './functions/fingerprint.ts'
import type { Log } from './log.ts'

export interface LocalManifest {
  /** Its functions that have code on this machine. */
  configuration(): Promise<Configuration>
  /** Its registrations, with the ARNs of the local functions. */
  registrations(): Promise<RegistrationInput[]>
}

/**
 * Reads a manifest, the same file that `mcp-lambda-sam-admin apply` takes. Here a registration
 * leads to the code of its function. `allow` is left out: it names principals of an AWS account,
 * and here is one developer.
 */
export function readManifest(
  file: string,
  { timeout, log }: { timeout: number; log: Log },
): LocalManifest {
  const told = new Set<string>()
  let last: { state: string; loaded: ReturnType<Library['loadManifest']> } | undefined

  return {
    async configuration() {
      const { expandEnvironment } = await library()
      const { functions = {} } = (await load()).manifest
      const warnings: string[] = []
      const configured = Object.entries(functions).flatMap(([name, it]): ConfiguredFunction[] => {
        const code = codeOf(it)
        if (!code) return []
        const variables: Record<string, string> = {}
        for (const [variable, value] of Object.entries(it.env ?? {}))
          try {
            variables[variable] = expandEnvironment(String(value), process.env)
          } catch (error) {
            warnings.push(
              `${name}: the variable ${variable} is not set: ${(error as Error).message}`,
            )
          }
        const { runtime, memory = 128, concurrency } = it
        return [
          {
            ...{ name, title: name, code, variables, memory, timeout: it.timeout ?? timeout },
            ...(runtime !== undefined && { runtime }),
            ...(concurrency !== undefined && { concurrency }),
          },
        ]
      })
      return { functions: configured, warnings }
    },
    async registrations() {
      const { manifest } = await load()
      const parts = [
        ['tool', manifest.tools],
        ['resource', manifest.resources],
        ['prompt', manifest.prompts],
      ] as const
      return parts.flatMap(([type, entries = {}]) =>
        Object.entries(entries).flatMap(([name, entry]): RegistrationInput[] => {
          const { function: functionName, lambdaArn: _, allow, ...fields } = entry
          if (allow) tell(`"allow" of the ${type} ${name} has no effect here`)
          const code = manifest.functions?.[functionName ?? '']
          if (functionName === undefined || !code || !codeOf(code)) {
            tell(`The ${type} ${name} is not registered: its function has no code here`)
            return []
          }
          const lambdaArn = functionArn(functionName)
          return [{ ...fields, type, name, lambdaArn } as unknown as RegistrationInput]
        }),
      )
    },
  }

  /** Reads the file when it has changed: a manifest that is a module runs then. */
  async function load() {
    const { loadManifest } = await library()
    const state = fingerprint([file])
    if (last?.state !== state) last = { state, loaded: loadManifest(file) }
    return last.loaded
  }

  function tell(message: string) {
    if (told.has(message)) return
    told.add(message)
    log({ level: 'info', message })
  }
}

type Library = typeof import('@markvp/mcp-lambda-sam-admin-client/manifest')

const library = (): Promise<Library> => import('@markvp/mcp-lambda-sam-admin-client/manifest')

function codeOf({
  file,
  handler,
}: {
  file?: string | undefined
  handler?: string | undefined
}): ConfiguredFunction['code'] | undefined {
  if (file !== undefined) return { file }
  return handler === undefined ? undefined : { folder: '.', handler }
}
