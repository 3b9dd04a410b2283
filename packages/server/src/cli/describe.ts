import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'

import { describe } from '../authoring/describe.ts'
import { bundle } from '../local/bundle.ts'
import { UsageError } from './usage.ts'

const HELP = `mcp-lambda-sam describe <file> --arn <arn> [--allow <arn>]…

Prints the registration of a function that is made with defineTool, defineResource or definePrompt: the
body of POST /register. The file, .mjs, .js or .ts, is loaded and exports it as handler.

Options
  --arn <arn>    of the deployed function; its name, alias or version
  --allow <arn>  of an IAM role or user who may use it, with * for any characters; may be repeated
  --help         show this
`

/** Prints one JSON document on stdout. */
export async function describeFile(args: string[]): Promise<number> {
  const { help, file, arn, allow } = parse(args)
  if (help) {
    console.log(HELP.trimEnd())
    return 0
  }
  if (!file || !arn)
    throw new UsageError('describe takes a file, and --arn with the ARN it is deployed under')
  const isFile = await stat(file).then(
    it => it.isFile(),
    () => false,
  )
  if (!isFile) throw new UsageError(`describe takes a file that exists, and "${file}" is none`)

  const { handler } = await load(file)
  try {
    console.log(JSON.stringify(describe(handler, { lambdaArn: arn, allow }), null, 2))
    return 0
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    console.error(`${file}: ${error.message}`)
    return 1
  }
}

function parse(args: string[]) {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        arn: { type: 'string' },
        allow: { type: 'string', multiple: true },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    if (positionals.length > 1) throw new TypeError('Only one file can be described')
    return { ...values, file: positionals[0] }
  } catch (error) {
    const [reason] = String((error as Error).message).split('. ')
    throw new UsageError(`${reason}. "mcp-lambda-sam describe --help" lists the options.`)
  }
}

/** As the local gateway does: JavaScript as it is, TypeScript in one bundle. */
async function load(file: string): Promise<{ handler: Parameters<typeof describe>[0] }> {
  if (!file.endsWith('.ts')) return import(pathToFileURL(resolve(file)).href)
  const folder = await mkdtemp(join(tmpdir(), 'mcp-lambda-sam-'))
  try {
    const outfile = join(folder, 'index.mjs')
    await bundle(resolve(file), outfile)
    return await import(pathToFileURL(outfile).href)
  } finally {
    await rm(folder, { recursive: true })
  }
}
