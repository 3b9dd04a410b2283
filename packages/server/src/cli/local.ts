import { constants } from 'node:os'

import { shellLines } from '../local/shell-lines.ts'
import type { Local } from '../local/start.ts'
import { defineCommand } from './command.ts'
import { localOptions } from './local-options.ts'

const INSPECT_PORT = '9229'

const command = defineCommand({
  name: 'local',
  summary: 'run the gateway and your functions on this machine, without an AWS account',
  usage: '[options]',
  help: `Runs the gateway on 127.0.0.1: its built functions in processes of their own behind Function URLs
that verify SigV4, the Lambda API for your functions, and the tables. Your functions are tools at
once, and again when you save a change. Runs until Ctrl-C.`,
  options: {
    functions: {
      type: 'string',
      value: '<folder>',
      help: `folder with your functions: a file NAME.mjs, .js, .cjs, .ts, .mts or .py that exports
handler, or a folder NAME with such an index file. A tool describes itself with
defineTool; any other function takes any arguments`,
    },
    manifest: {
      type: 'string',
      value: '<file>',
      help: 'manifest with functions and their registrations, the one of "mcp-lambda-sam-admin apply"',
    },
    template: {
      type: 'string',
      value: '<file>',
      help: 'template of a SAM or CloudFormation project: its Node.js and Python functions',
    },
    parameter: {
      type: 'string',
      multiple: true,
      value: '<Name=value>',
      help: 'parameter of that template; can be repeated. Others have their defaults',
    },
    'no-register': { type: 'boolean', help: 'register nothing: your programs do it' },
    env: {
      type: 'string',
      multiple: true,
      value: '<NAME=value>',
      help: 'variable of your functions; can be repeated, and wins over all others',
    },
    'env-file': {
      type: 'string',
      multiple: true,
      value: '<file>',
      help: 'file with such variables, as Node.js reads it; can be repeated',
    },
    'aws-profile': {
      type: 'string',
      value: '<name>',
      help: `let your functions reach AWS with this profile. By default every call of an AWS SDK
fails at once and says so`,
    },
    'aws-credentials': {
      type: 'string',
      value: 'env',
      help: 'let them reach AWS with the AWS_… variables of this shell',
    },
    python: {
      type: 'string',
      value: '<path>',
      help: `Python 3, or a virtual environment (default: .venv, venv or env beside the code, else
python3)`,
    },
    concurrency: {
      type: 'string',
      default: '20',
      value: '<number>',
      help: 'simultaneous invocations of one function; more get a 429 (default: 20)',
    },
    inspect: {
      type: 'string',
      value: '[=port]',
      help: `start the inspector of Node.js in each function, from this port on (default: ${INSPECT_PORT};
0 is any), without time-outs`,
    },
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
    'console-port': {
      type: 'string',
      value: '<number>',
      help: 'port of the console, a page to try your tools (default: 9002, or a free one)',
    },
    'no-console': { type: 'boolean', help: 'no console' },
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
    verbose: { type: 'boolean', help: 'show the arguments and the result of each request' },
    json: { type: 'boolean', help: 'print one line of JSON on stdout, for programs' },
  },
  // Runs until a signal ends it. The exit code names the signal, as shells expect.
  async run(flags) {
    const options = await localOptions(flags)
    const [{ startLocal }, { requestLog }, { isRoutine, writeLog }] = await Promise.all([
      import('../local/start.ts'),
      import('../local/request-log.ts'),
      import('../local/log.ts'),
    ])
    // Listen before the start: an early signal must not leave processes behind.
    const ended = endingSignal()
    const gateway = await startLocal({
      ...options,
      log: entry => (!flags.verbose && isRoutine(entry)) || writeLog(entry),
      onEvent: requestLog(line => process.stderr.write(`${line}\n`), flags.verbose),
    })
    console.log(flags.json ? jsonLine(gateway) : gatewayText(gateway, options.functions))
    const signal = await ended
    await gateway.close()
    return 128 + constants.signals[signal]
  },
})

export const localCommand: typeof command = {
  ...command,
  // parseArgs has no options whose value can be left out.
  execute: args =>
    command.execute(args.map(it => (it === '--inspect' ? `--inspect=${INSPECT_PORT}` : it))),
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

function endingSignal(): Promise<(typeof SIGNALS)[number]> {
  return new Promise(resolve => {
    for (const signal of SIGNALS) process.once(signal, () => resolve(signal))
  })
}

function jsonLine(gateway: Local): string {
  const { mcpUrl, registrationUrl, consoleUrl, region, credentials } = gateway
  const { accessKeyId, secretAccessKey } = credentials
  return JSON.stringify({
    ...{ mcpUrl, registrationUrl, region, accessKeyId, secretAccessKey, consoleUrl },
  })
}

function gatewayText(gateway: Local, functions: unknown): string {
  const { mcpUrl, registrationUrl, consoleUrl } = gateway
  const hint =
    functions === undefined ? `\nYour functions are tools with --functions <folder>.\n` : ''
  return `MCP endpoint           ${mcpUrl}
Registration endpoint  ${registrationUrl}${consoleUrl === undefined ? '' : `\nConsole                ${consoleUrl}`}
${hint}
Clients sign with
${shellLines(gateway)
  .map(it => `  ${it}`)
  .join('\n')}

Try it
  npx @markvp/mcp-lambda-sam-client list ${mcpUrl}

Ctrl-C ends it.`
}
