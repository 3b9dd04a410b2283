import { writeSync } from 'node:fs'

import { patchConsole } from './console.ts'
import { formatError } from './errors.ts'
import { installGlobals } from './globals.ts'
import { loadHandler } from './handler.ts'

// Loads a function as its runtime does, and writes on file descriptor 3 how it describes itself:
// `{registration}` if it was made with defineTool or one of its siblings, `{}` for any other
// function, `{error}` if it cannot be loaded.

const DESCRIPTION = 3
const { LAMBDA_TASK_ROOT: root = '', _HANDLER: name = '' } = process.env

interface Definition {
  type: string
  name: string
  describe(): object
}

installGlobals()
patchConsole(() => undefined)
writeSync(DESCRIPTION, JSON.stringify(await describe()))
// A function may have opened a connection or set a timer.
process.exit(0)

async function describe(): Promise<object> {
  try {
    const { call } = await loadHandler(root, name)
    const definition = (call as unknown as Record<symbol, Definition | undefined>)[
      Symbol.for('mcp-lambda-sam.definition')
    ]
    if (!definition) return {}
    const { type, name: title } = definition
    return { registration: { type, name: title, ...definition.describe(), contract: 'mcp' } }
  } catch (error) {
    return { error: formatError(error) }
  }
}
