import { text as readAll } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'

import { ClientError } from '../../errors.ts'
import { isRecord } from '../../is-record.ts'
import type { CommandLine, CommandName } from '../command-line.ts'
import { HELP } from '../help.ts'
import type { Log } from '../log.ts'
import { UsageError } from '../usage-error.ts'
import { readArguments } from './arguments.ts'
import { type ContentOptions, contentText, resourceText, toolResultText } from './content.ts'
import { createAsker } from './elicitation.ts'
import { offerText, readOffer } from './list.ts'
import { connectClient, type McpClient, type Result, recordIn, ServerError } from './mcp-client.ts'
import { createProgressLine } from './progress.ts'
import { onOneLine, printable, styleOf } from './style.ts'

/** See `--help`. */
const EXIT = { done: 0, failed: 1, toolError: 3, unanswered: 4, interrupted: 130 }

interface TerminalOptions {
  log: Log
  version: string
  /** What to do about an error, where there is something better than its own hint. */
  hintFor(error: unknown): Promise<string | undefined>
}

/** What a command prints on stdout: the result of MCP with --json, else text for people. */
interface Outcome {
  result: unknown
  text: string
  exitCode?: number
}

/** Runs one command. Resolves with the exit code. */
export async function runCommand(line: CommandLine, options: TerminalOptions): Promise<number> {
  const { stdin, stdout, stderr } = process
  const command = line.use as CommandName
  const isJson = line.flags.json ?? false
  const style = styleOf(stdout)
  const errorStyle = styleOf(stderr)
  const progress = createProgressLine(stderr, errorStyle)
  let interrupt = () => {}
  const interrupted = new Promise<typeof INTERRUPTED>(resolve => {
    interrupt = () => resolve(INTERRUPTED)
  })
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt)
  const asker = createAsker({
    input: stdin,
    output: stderr,
    style: errorStyle,
    onQuestion: () => progress.clear(),
    onInterrupt: interrupt,
  })

  let client: McpClient | undefined
  try {
    const outcome = await Promise.race([interrupted, prepare().then(runConnected)])
    progress.clear()
    if (outcome === INTERRUPTED) return EXIT.interrupted
    stdout.write(`${isJson ? JSON.stringify(outcome.result, null, 2) : outcome.text}\n`)
    if (outcome.exitCode === EXIT.toolError) suggestTypes(outcome.text)
    return asker.isUnanswered ? EXIT.unanswered : (outcome.exitCode ?? EXIT.done)
  } catch (error) {
    progress.clear()
    return await report(error)
  } finally {
    const limit = sleep(FAREWELL_MS, undefined, { ref: false })
    await Promise.race([client?.close(), interrupted, limit])
  }

  async function runConnected(run: (client: McpClient) => Promise<Outcome>) {
    client = await connectClient(
      { ...line, log: options.log },
      {
        onProgress: params => progress.show(params),
        onLogMessage({ level, data }) {
          progress.clear()
          const text = typeof data === 'string' ? data : JSON.stringify(data)
          stderr.write(`${errorStyle.dim(`[${onOneLine(level)}]`)} ${printable(text)}\n`)
        },
        elicit: params => asker.elicit(params),
      },
      { name: 'mcp-lambda-sam-connect', version: options.version },
    )
    return run(client)
  }

  /** Reads the command line, so that a mistake in it is told before anything is sent. */
  async function prepare(): Promise<(client: McpClient) => Promise<Outcome>> {
    const [name = '', ...words] = line.rest
    const content: ContentOptions = { folder: line.flags.output ?? '.', name, style }
    if (command === 'list') {
      if (name) throw usage('list takes nothing but the URL')
      return async connected => {
        const offer = await readOffer(connected)
        return { result: offer, text: offerText(offer, style) }
      }
    }
    if (!name) throw usage(`${command} needs more than the URL`)
    if (command === 'read') {
      if (words.length > 0) throw usage('read takes one URI')
      return async connected => {
        const result = await connected.request('resources/read', { uri: name })
        const options = { ...content, name: name.split('/').at(-1) || 'resource' }
        return { result, text: isJson ? '' : resourceText(result['contents'], options) }
      }
    }
    if (command === 'complete') return prepareCompletion(name, words)
    const given = await argumentsOf(words)
    if (command === 'prompt')
      return async connected => {
        const result = await connected.request('prompts/get', {
          name,
          arguments: textValues(given),
        })
        return { result, text: isJson ? '' : promptText(result, content) }
      }
    return async connected => {
      const result = await connected.request('tools/call', { name, arguments: given })
      const text = isJson ? '' : toolResultText(result, content)
      if (result['isError'] !== true) return { result, text }
      return { result, text: style.red(text), exitCode: EXIT.toolError }
    }
  }

  async function argumentsOf(words: string[]): Promise<Result> {
    const isPiped = words.includes('-')
    if (isPiped && line.flags.args !== undefined) throw usage('- and --args exclude each other')
    const all = isPiped ? await readAll(stdin) : line.flags.args
    return readArguments(
      words.filter(it => it !== '-'),
      all,
    )
  }

  function prepareCompletion(name: string, [argument, value = '', ...more]: string[]) {
    if (!argument || more.length > 0) throw usage('complete takes a name, an argument and a text')
    const ref = /[:{]/.test(name)
      ? { type: 'ref/resource', uri: name }
      : { type: 'ref/prompt', name }
    return async (connected: McpClient): Promise<Outcome> => {
      const params = { ref, argument: { name: argument, value } }
      const result = await connected.request('completion/complete', params)
      const { values } = recordIn(result, 'completion')
      return { result, text: (Array.isArray(values) ? values : []).map(onOneLine).join('\n') }
    }
  }

  async function report(error: unknown): Promise<number> {
    const exitCode = asker.isUnanswered ? EXIT.unanswered : EXIT.failed
    if (error instanceof ServerError) {
      const { code, message, data } = error
      if (isJson) print({ error: { code, message, data } })
      stderr.write(`${errorStyle.red(printable(message))} ${errorStyle.dim(`(${code})`)}\n`)
      suggestTypes(message)
      return exitCode
    }
    if (!(error instanceof ClientError)) throw error
    const hint = (await options.hintFor(error)) ?? error.hint
    const { code, message, status, requestId } = error
    if (isJson) print({ error: { code, message, hint, status, requestId } })
    stderr.write(`${errorStyle.red(printable(message))}\n${hint}\n`)
    return exitCode
  }

  /** The most frequent mistake of a call is a string where a number is wanted. */
  function suggestTypes(message: string) {
    const isAboutType = /must be (an? )?(array|boolean|integer|number|object)/.test(message)
    if (isAboutType && line.rest.some(it => /^[^:=]+=/.test(it)))
      stderr.write('key=text gives a string. key:=JSON gives a number, a boolean or an object.\n')
  }

  function print(value: unknown) {
    stdout.write(`${JSON.stringify(value, null, 2)}\n`)
  }
}

/** How long the end waits for the server to end the session. */
const FAREWELL_MS = 1_500
const INTERRUPTED = Symbol('interrupted')

function promptText({ messages }: Result, options: ContentOptions): string {
  return (Array.isArray(messages) ? messages : [])
    .filter(isRecord)
    .map(({ role, content }) => {
      const blocks = Array.isArray(content) ? content : [content]
      return `${options.style.bold(`${onOneLine(role)}:`)} ${contentText(blocks, options)}`
    })
    .join('\n\n')
}

/** The arguments of a prompt are strings. */
const textValues = (given: Result) =>
  Object.fromEntries(
    Object.entries(given).map(([name, value]) => [
      name,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]),
  )

function usage(reason: string): UsageError {
  const lines = HELP.split('\n').filter(it => /connect (list|call|read|prompt|complete)/.test(it))
  return new UsageError(`${reason}\n\n${lines.join('\n')}`)
}
