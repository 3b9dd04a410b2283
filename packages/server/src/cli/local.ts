import { statSync } from 'node:fs'
import { constants } from 'node:os'
import { parseArgs } from 'node:util'

import { LocalError } from '../local/errors.ts'
import { type Local, startLocal } from '../local/start.ts'
import { UsageError } from './usage.ts'

const HELP = `mcp-lambda-sam local [options]

Runs the gateway on 127.0.0.1: its built functions in processes of their own behind Function URLs that
verify SigV4, the Lambda API for the functions you register, and the tables. Ctrl-C ends it all.

Options
  --port <number>               of the MCP endpoint (9000)
  --registration-port <number>  of the registration endpoint (9001)
  --functions <folder>          your functions: each NAME.mjs, .js or .ts, or folder NAME with such an
                                index, that exports handler is
                                arn:aws:lambda:us-east-1:000000000000:function:NAME
  --data <folder>               keeps the tables there; without it they last as long as the gateway
  --json                        print one line of JSON on stdout, for programs
  --help                        show this
`

/** Runs until a signal ends it; the exit code says which, as shells expect. */
export async function local(args: string[]): Promise<number> {
  const { help, json, ...options } = parse(args)
  if (help) {
    console.log(HELP.trimEnd())
    return 0
  }
  // Listened for from the start: a signal that comes too early must not leave half a gateway behind.
  const ended = endingSignal()
  const gateway = await startLocal(options).catch(error => {
    if (!(error instanceof LocalError)) throw error
    console.error(`${error.message}.\n${error.hint}`)
  })
  if (!gateway) return 1

  console.log(json ? jsonLine(gateway) : text(gateway))
  const signal = await ended
  await gateway.close()
  return 128 + constants.signals[signal]
}

function parse(args: string[]) {
  const { values } = parsed(args)
  return {
    help: values.help,
    json: values.json,
    port: port('--port', values.port),
    registrationPort: port('--registration-port', values['registration-port']),
    ...(values.functions !== undefined && { functions: folder('--functions', values.functions) }),
    ...(values.data !== undefined && { data: values.data }),
  }
}

function parsed(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        port: { type: 'string', default: '9000' },
        'registration-port': { type: 'string', default: '9001' },
        functions: { type: 'string' },
        data: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
  } catch (error) {
    const [reason] = String((error as Error).message).split('. ')
    throw new UsageError(`${reason}. "mcp-lambda-sam local --help" lists the options.`)
  }
}

function port(flag: string, value: string): number {
  if (/^\d{1,5}$/.test(value) && Number(value) < 65_536) return Number(value)
  throw new UsageError(
    `${flag} takes a port number up to 65535, or 0 for a free one, not "${value}"`,
  )
}

function folder(flag: string, path: string): string {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return path
  throw new UsageError(`${flag} takes a folder that exists, and "${path}" is none`)
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

function endingSignal(): Promise<(typeof SIGNALS)[number]> {
  return new Promise(resolve => {
    for (const signal of SIGNALS) process.once(signal, () => resolve(signal))
  })
}

function jsonLine({ mcpUrl, registrationUrl, region, credentials }: Local): string {
  const { accessKeyId, secretAccessKey } = credentials
  return JSON.stringify({ mcpUrl, registrationUrl, region, accessKeyId, secretAccessKey })
}

function text({ mcpUrl, registrationUrl, region, credentials }: Local): string {
  return `MCP endpoint           ${mcpUrl}
Registration endpoint  ${registrationUrl}

Clients sign with
  export AWS_ACCESS_KEY_ID=${credentials.accessKeyId}
  export AWS_SECRET_ACCESS_KEY=${credentials.secretAccessKey}
  export AWS_REGION=${region}
  unset AWS_SESSION_TOKEN AWS_PROFILE

Ctrl-C ends it.`
}
