import { statSync } from 'node:fs'
import { constants } from 'node:os'

import type { Local } from '../local/start.ts'
import { defineCommand, UsageError } from './command.ts'

export const localCommand = defineCommand({
  name: 'local',
  summary: 'run the gateway on this machine, without an AWS account',
  usage: '[options]',
  help: `Runs the gateway on 127.0.0.1: its built functions in processes of their own behind Function URLs
that verify SigV4, the Lambda API for the functions you register, and the tables. Runs until Ctrl-C.`,
  options: {
    port: {
      type: 'string',
      default: '9000',
      value: '<number>',
      help: 'port of the MCP endpoint (default: 9000)',
    },
    'registration-port': {
      type: 'string',
      default: '9001',
      value: '<number>',
      help: 'port of the registration endpoint (default: 9001)',
    },
    functions: {
      type: 'string',
      value: '<folder>',
      help: `folder with your functions: a file NAME.mjs, NAME.js or NAME.ts that exports
handler, or a folder NAME with such an index file, is the function
arn:aws:lambda:us-east-1:000000000000:function:NAME`,
    },
    data: {
      type: 'string',
      value: '<folder>',
      help: 'folder that keeps the tables; without it they end with the gateway',
    },
    push: {
      type: 'boolean',
      help: `notify clients of changed lists and resources, as a stack with ServerPush=on does`,
    },
    instructions: {
      type: 'string',
      value: '<text>',
      help: 'what clients may tell their model about this gateway',
    },
    'hold-back': {
      type: 'boolean',
      help: `deliver each chunk of a stream with the next one, as Lambda may do: shows whether a
client depends on small writes that arrive at once`,
    },
    json: { type: 'boolean', help: 'print one line of JSON on stdout, for programs' },
  },
  // Runs until a signal ends it. The exit code names the signal, as shells expect.
  async run(flags) {
    const options = {
      port: portOf('--port', flags.port),
      registrationPort: portOf('--registration-port', flags['registration-port']),
      ...(flags.functions !== undefined && {
        functions: folderOf('--functions', flags.functions),
      }),
      ...(flags.data !== undefined && { data: flags.data }),
      push: flags.push ?? false,
      environment: { INSTRUCTIONS: flags.instructions ?? '' },
      holdBack: flags['hold-back'] ?? false,
    }
    const { startLocal } = await import('../local/start.ts')
    // Listen before the start: an early signal must not leave processes behind.
    const ended = endingSignal()
    const gateway = await startLocal(options)
    console.log(flags.json ? jsonLine(gateway) : gatewayText(gateway))
    const signal = await ended
    await gateway.close()
    return 128 + constants.signals[signal]
  },
})

function portOf(flag: string, value: string): number {
  if (/^\d{1,5}$/.test(value) && Number(value) < 65_536) return Number(value)
  throw new UsageError(
    `${flag} takes a port number up to 65535, or 0 for a free one, not "${value}"`,
  )
}

function folderOf(flag: string, path: string): string {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return path
  throw new UsageError(`${flag} takes a folder that exists, not "${path}"`)
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

function gatewayText({ mcpUrl, registrationUrl, region, credentials }: Local): string {
  return `MCP endpoint           ${mcpUrl}
Registration endpoint  ${registrationUrl}

Clients sign with
  export AWS_ACCESS_KEY_ID=${credentials.accessKeyId}
  export AWS_SECRET_ACCESS_KEY=${credentials.secretAccessKey}
  export AWS_REGION=${region}
  unset AWS_SESSION_TOKEN AWS_PROFILE

Ctrl-C ends it.`
}
