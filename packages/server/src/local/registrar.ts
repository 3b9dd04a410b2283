import type { AdminClient, RegistrationInput } from '@markvp/mcp-lambda-sam-admin-client'
import { registrationId } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import type { Events } from './events.ts'
import { functionArn } from './function-arn.ts'
import type { SelfDescription } from './functions/self-description.ts'
import type { FoundFunction, FunctionSource } from './functions/source.ts'
import type { LambdaFunction } from './lambda-function.ts'
import type { Log } from './log.ts'

export interface RegistrarOptions {
  source: FunctionSource
  /** The registrations that a manifest names. Absent: each function is asked to describe itself. */
  named?: () => Promise<RegistrationInput[]>
  describe(fn: LambdaFunction): Promise<SelfDescription>
  /** Resolves with a client of the gateway's own registration API. */
  admin(): Promise<AdminClient>
  /** The label of the registrations that are kept here. Others are left as they are. */
  owner: string
  events: Events
  log: Log
}

export interface Registrar {
  /** Registers what is new or has changed, and removes what is gone. Never rejects. */
  sync(): Promise<void>
}

interface Desired {
  input: RegistrationInput
  functionName: string
  /** What to tell about it when it is registered. */
  note?: string
}

interface Known {
  /** The JSON of the registration. */
  content: string
  functionName: string
  /** Undefined if it is not registered: it was refused, or it belongs to another owner. */
  version: number | undefined
}

/** Keeps the registrations of the developer's functions equal to their code. */
export function registrar(options: RegistrarOptions): Registrar {
  const { source, named, describe, owner, events, log } = options
  const known = new Map<string, Known>()
  const described = new Map<string, { fn: LambdaFunction; desired: Desired[] }>()
  /** By function: the last fault that was logged. Its registrations stay as they are. */
  const faults = new Map<string, string>()
  let client: AdminClient | undefined

  return {
    async sync() {
      try {
        const admin = client ?? (await options.admin())
        if (!client) await readKept(admin)
        client = admin
        const desired = byId(await (named ? ofManifest(named) : ofFunctions()))
        await each([...desired], ([id, it]) => register(admin, id, it))
        const gone = [...known].filter(
          ([id, it]) => !desired.has(id) && !faults.has(it.functionName),
        )
        await each(gone, ([id, it]) => remove(admin, id, it))
        faults.delete(source.place)
      } catch (error) {
        report(source.place, messageOf(error))
      }
    },
  }

  /** The registrations that an earlier gateway with the same data folder has left. */
  async function readKept(admin: AdminClient) {
    for await (const it of admin.list()) {
      if (it.owner !== owner) continue
      const functionName = it.lambdaArn.split(':')[6] ?? ''
      known.set(it.id, { content: '', functionName, version: it.version })
    }
  }

  async function ofFunctions(): Promise<Desired[]> {
    const found = await source.read()
    const names = new Set([source.place, ...found.map(it => it.name)])
    for (const gone of [...described.keys(), ...faults.keys()].filter(it => !names.has(it))) {
      described.delete(gone)
      faults.delete(gone)
    }
    const lists: Desired[][] = []
    await each(found, async (it, index) => {
      lists[index] = await describedBy(it)
    })
    return lists.flat()
  }

  async function describedBy(found: FoundFunction): Promise<Desired[]> {
    const before = described.get(found.name)
    if ('problem' in found) {
      report(found.name, found.problem)
      return before?.desired ?? []
    }
    const { name, fn } = found
    if (before?.fn === fn) return before.desired
    const description = await describe(fn).catch(
      (error): SelfDescription => ({ type: 'failed', message: messageOf(error) }),
    )
    const isFailed = description.type === 'failed'
    if (isFailed) report(name, description.message)
    else faults.delete(name)
    const desired = isFailed ? (before?.desired ?? []) : [desiredOf(description, name, found)]
    described.set(name, { fn, desired })
    return desired
  }

  function desiredOf(
    description: Exclude<SelfDescription, { type: 'failed' }>,
    name: string,
    { file, description: text }: { file: string; description?: string },
  ): Desired {
    if (description.type === 'plain') return plain(name, file, text)
    // Checked by the registration API, whose message goes to the log.
    const input: unknown = { ...description.registration, ...placeOf(name) }
    return { functionName: name, input: input as RegistrationInput }
  }

  function placeOf(name: string) {
    return { lambdaArn: functionArn(name), owner }
  }

  function plain(name: string, file: string, description?: string): Desired {
    const input: RegistrationInput = {
      type: 'tool',
      name,
      description: description ?? `The function ${name}`,
      ...placeOf(name),
    }
    const how = file.endsWith('.py')
      ? 'To name its arguments, describe it in a manifest'
      : 'To name its arguments, make it with defineTool, or describe it in a manifest'
    return { input, functionName: name, note: `It takes any arguments. ${how}` }
  }

  async function ofManifest(read: () => Promise<RegistrationInput[]>): Promise<Desired[]> {
    for (const found of await source.read())
      if ('problem' in found) report(found.name, found.problem)
      else faults.delete(found.name)
    return (await read()).map(input => ({
      input: { ...input, owner },
      functionName: input.lambdaArn.split(':')[6] ?? '',
    }))
  }

  function byId(all: Desired[]): Map<string, Desired> {
    const desired = new Map<string, Desired>()
    for (const it of all) {
      const id = registrationId(it.input.type, it.input.name)
      const other = desired.get(id)
      if (!other) desired.set(id, it)
      else
        report(
          it.functionName,
          `The functions ${other.functionName} and ${it.functionName} both describe the ${it.input.type} ${it.input.name}: rename one. Only the first is registered`,
        )
    }
    return desired
  }

  async function register(admin: AdminClient, id: string, { input, functionName, note }: Desired) {
    const content = JSON.stringify(input)
    const before = known.get(id)
    if (before?.content === content) return
    try {
      const version = before?.version ?? (await versionOf(admin, id))
      if (version === 'foreign') {
        known.set(id, { content, functionName, version: undefined })
        return
      }
      const registered = await (version === undefined
        ? create(admin, input)
        : admin.update(id, input, { ifMatch: version }))
      known.set(id, { content, functionName, version: registered.version })
      faults.delete(functionName)
      events.emit({ type: 'registration', change: 'registered', id, functionName })
      const isNew = !before?.content
      const name = `${input.type} ${input.name}`
      const text = isNew ? `Registered the ${name}` : `Registered the ${name} again`
      log({ level: 'info', message: note && isNew ? `${text}. ${note}` : text })
      // What a plain function lacks is in the note.
      for (const warning of note ? [] : (registered.warnings ?? []))
        log({ level: 'warn', functionName, message: warning })
    } catch (error) {
      if ((error as { code?: string }).code === 'version_mismatch') {
        known.set(id, { content, functionName, version: undefined })
        return tellForeign(id)
      }
      // What may succeed later is tried again at the next look.
      const retryable = (error as { retryable?: boolean }).retryable === true
      const version = before?.version
      known.set(id, { content: retryable ? '' : content, functionName, version })
      report(functionName, `${id} is not registered: ${messageOf(error)}`)
    }
  }

  /** The version of a registration that is there. `foreign` if it belongs to somebody else. */
  async function versionOf(
    admin: AdminClient,
    id: string,
  ): Promise<number | 'foreign' | undefined> {
    const there = await admin.get(id).catch(error => {
      if (error.code === 'registration_not_found') return undefined
      throw error
    })
    if (!there) return undefined
    if (there.owner === owner) return there.version
    tellForeign(id)
    return 'foreign'
  }

  function tellForeign(id: string) {
    log({ level: 'info', message: `${id} was registered by another program, and stays as it is` })
  }

  function create(admin: AdminClient, input: RegistrationInput) {
    if (input.type === 'tool') return admin.registerTool(input)
    if (input.type === 'resource') return admin.registerResource(input)
    return admin.registerPrompt(input)
  }

  async function remove(admin: AdminClient, id: string, { functionName, version }: Known) {
    known.delete(id)
    if (version === undefined) return
    try {
      await admin.remove(id, { ifMatch: version })
      events.emit({ type: 'registration', change: 'removed', id, functionName })
      log({ level: 'info', message: `Removed: ${id}` })
    } catch (error) {
      log({ level: 'warn', message: `${id} stays registered. ${messageOf(error)}` })
    }
  }

  function report(what: string, message: string) {
    if (faults.get(what) === message) return
    faults.set(what, message)
    log({ level: 'error', ...(what === source.place ? {} : { functionName: what }), message })
  }
}

/** Runs at most four at a time, in order. */
async function each<Item>(items: Item[], run: (item: Item, index: number) => Promise<void>) {
  let next = 0
  const worker = async () => {
    for (let index = next++; index < items.length; index = next++)
      await run(items[index] as Item, index)
  }
  await Promise.all(Array.from({ length: 4 }, worker))
}

function messageOf(error: unknown): string {
  const { message, hint } = error as { message?: string; hint?: string }
  return [message ?? String(error), hint].filter(Boolean).join('. ')
}
