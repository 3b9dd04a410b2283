import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

import type { describe } from '@markvp/mcp-lambda-sam-functions'
import { defineCommand, UsageError } from './command.ts'

export const describeCommand = defineCommand({
  name: 'describe',
  summary: 'print the registration of a function made with defineTool and its siblings',
  usage: '<file> --arn <arn> [--allow <arn>]…',
  help: `Prints the registration of a function that is made with defineTool, defineResource or definePrompt:
one JSON document, the body of POST /register. The file (.mjs, .js or .ts) is loaded. It exports the
function as handler.`,
  argument: 'file',
  options: {
    arn: {
      type: 'string',
      value: '<arn>',
      help: 'ARN of the deployed function, its alias or its version',
    },
    allow: {
      type: 'string',
      multiple: true,
      value: '<arn>',
      help: 'an IAM role or user who may use it; * stands for any characters; can be repeated',
    },
  },
  async run({ arn, allow }, file) {
    if (!file || !arn)
      throw new UsageError('describe takes a file, and --arn with the ARN of the deployed function')
    const isFile = await stat(file).then(
      it => it.isFile(),
      () => false,
    )
    if (!isFile) throw new UsageError(`describe takes a file that exists, not "${file}"`)

    const { handler } = await load(file)
    const { describe } = await import('@markvp/mcp-lambda-sam-functions')
    try {
      const options = { lambdaArn: arn, ...(allow && { allow }) }
      console.log(JSON.stringify(describe(handler, options), null, 2))
      return 0
    } catch (error) {
      if (!(error instanceof TypeError)) throw error
      console.error(`${file}: ${error.message}`)
      return 1
    }
  },
})

/** Loads the file as the local gateway does: TypeScript is bundled first. */
async function load(file: string): Promise<{ handler: Parameters<typeof describe>[0] }> {
  if (!file.endsWith('.ts')) return import(pathToFileURL(resolve(file)).href)
  const { bundle } = await import('../local/functions/bundle.ts')
  const folder = await mkdtemp(join(tmpdir(), 'mcp-lambda-sam-'))
  try {
    const outfile = join(folder, 'index.mjs')
    await bundle(resolve(file), outfile)
    return await import(pathToFileURL(outfile).href)
  } finally {
    await rm(folder, { recursive: true })
  }
}
