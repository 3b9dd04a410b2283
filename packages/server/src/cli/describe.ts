import { stat } from 'node:fs/promises'

import { defineCommand, loadingFile, UsageError } from './command.ts'

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

    const [{ describe }, { loadFunctionFile, unreadable }] = await Promise.all([
      import('@markvp/mcp-lambda-sam-functions'),
      import('./function-file.ts'),
    ])
    const exported = await loadingFile(file, () => loadFunctionFile(file))
    if (exported['handler'] === undefined)
      throw unreadable(
        `${file} exports no handler, but ${Object.keys(exported).join(', ') || 'nothing'}`,
      )
    let registration: object
    try {
      const options = { lambdaArn: arn, ...(allow && { allow }) }
      registration = describe(exported['handler'] as Parameters<typeof describe>[0], options)
    } catch (error) {
      if (!(error instanceof TypeError)) throw error
      throw unreadable(`${file}: ${error.message}`, error)
    }
    const text = `${JSON.stringify(registration, null, 2)}\n`
    await new Promise(resolve => process.stdout.write(text, resolve))
    // The function may have set a timer or opened a connection.
    process.exit(0)
  },
})
