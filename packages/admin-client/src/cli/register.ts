import { text } from 'node:stream/consumers'

import {
  type RegistrationAnswer,
  type RegistrationInput,
  registrationId,
  TYPES,
} from '../api-schema.ts'
import { UsageError } from '../command-line/command.ts'
import { paint } from '../command-line/output.ts'
import { CYCLE, cycleIn } from '../cycle.ts'
import { AdminError, errorWith } from '../errors.ts'
import { isRecord } from '../is-record.ts'
import { readTextFile } from '../text-file.ts'
import { defineCommand } from './command.ts'
import { GATEWAY_OPTIONS, gatewayOf } from './gateway.ts'

export const registerCommand = defineCommand({
  name: 'register',
  summary: 'create or replace one registration, from a file or from stdin',
  usage: '<file>|- [options]',
  help: `Registers what a JSON or YAML document describes: one registration, as the API takes it and as
"mcp-lambda-sam describe" prints it, or a list of them. Content that is registered already stays as it is.`,
  examples: [
    'register weather.json',
    'register - < weather.yaml',
    'register - --dry-run < weather.json',
  ],
  argument: 'file',
  options: {
    owner: { type: 'string', value: '<name>', help: 'the label of the registration' },
    'create-only': { type: 'boolean', help: 'never replace a registration' },
    'dry-run': { type: 'boolean', help: 'run every check, and change nothing' },
    ...GATEWAY_OPTIONS,
  },
  async run(flags, file) {
    if (!file) throw new UsageError('register takes a file, or - for stdin')
    const registrations = await readRegistrations(file)
    const { owner, 'create-only': createOnly = false, 'dry-run': dryRun = false } = flags
    const admin = await gatewayOf(flags)
    const answers: RegistrationAnswer[] = []
    for (const registration of registrations) {
      const id = registrationId(registration.type, registration.name)
      const body = owner === undefined ? registration : { ...registration, owner }
      const answer = await admin.update(id, body, { createOnly, dryRun }).catch(error => {
        throw registrations.length > 1 ? ofOne(error, id, dryRun ? 0 : answers.length) : error
      })
      answers.push(answer)
      if (!flags.json) show(answer)
    }
    if (flags.json)
      console.log(JSON.stringify(answers.length === 1 ? answers[0] : answers, null, 2))
    return 0
  },
})

/** An error of one registration in a list. */
function ofOne(error: unknown, id: string, done: number): unknown {
  if (!(error instanceof AdminError)) return error
  const before = done > 0 ? `. ${done} registrations were written before` : ''
  return errorWith(error, { message: `${id}: ${error.message}${before}` })
}

async function readRegistrations(file: string): Promise<RegistrationInput[]> {
  const name = file === '-' ? 'stdin' : file
  const content = await (file === '-' ? text(process.stdin) : readTextFile(file)).catch(cause => {
    throw new AdminError('invalid_registration', `${file} cannot be read: ${cause.message}`, {
      hint: 'Name a file that exists, or - for stdin.',
      cause,
    })
  })
  if (content.trim() === '')
    throw new AdminError('invalid_registration', `${name} is empty`, {
      hint: 'Where a command before "|" failed, its message says why.',
    })
  const value = await parseDocument(content, name)
  const list = Array.isArray(value) ? value : [value]
  if (list.length > 0 && list.every(isRegistration)) return list
  throw new AdminError(
    'invalid_registration',
    `${name} has no registration with "type" and "name"`,
    {
      hint: 'A manifest, with "tools" and its siblings, is registered with "mcp-lambda-sam-admin apply".',
    },
  )
}

async function parseDocument(content: string, name: string): Promise<unknown> {
  const yaml = await import('yaml')
  try {
    // Throws also for an alias without an anchor, and for too many aliases.
    const value: unknown = yaml.parse(content, { logLevel: 'error' })
    const cycle = cycleIn(value)
    if (!cycle) return value
    throw new Error(`/${cycle.map(String).join('/')} ${CYCLE}`)
  } catch (cause) {
    throw new AdminError(
      'invalid_registration',
      `${name} is neither JSON nor YAML that can be read: ${(cause as Error).message}`,
      {
        hint: 'Pass what "mcp-lambda-sam describe" prints, or one JSON or YAML document. Several registrations are a list: [ … , … ].',
        cause,
      },
    )
  }
}

/** The server checks the rest. */
const isRegistration = (value: unknown): value is RegistrationInput =>
  isRecord(value) && TYPES.some(it => it === value['type']) && typeof value['name'] === 'string'

function show({ id, change, version, status, warnings = [], dryRun }: RegistrationAnswer) {
  console.log(`${id} ${dryRun ? 'would be ' : ''}${change}, version ${version}`)
  for (const warning of warnings) console.error(paint(process.stderr, 'yellow', warning))
  if (status.state === 'ready') return
  console.error(paint(process.stderr, 'yellow', `${status.message}.`))
  for (const command of status.fix) console.error(`  ${command}`)
}
