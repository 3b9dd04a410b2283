import { parseArgs } from 'node:util'

import { diagnose } from '../deploy/doctor.ts'
import { UsageError } from './usage.ts'

const HELP = `mcp-lambda-sam doctor <url> [options]

Goes the way of a call to the gateway step by step: credentials, network, clock, signature, permission,
health, a call. Stops at the first thing that is wrong, says how to mend it, and ends with 1.

Options
  --region <region>  of a URL that does not name it
  --profile <name>   of the AWS configuration files
  --help             show this
`

export async function examine(args: string[]): Promise<number> {
  const { help, url, region, profile } = parse(args)
  if (help) {
    console.log(HELP.trimEnd())
    return 0
  }
  if (!url) throw new UsageError('doctor takes a URL: the McpUrl or RegistrationUrl of the stack')
  for await (const { step, message, fix } of diagnose({ url, region, profile })) {
    console.log(`${fix ? 'WRONG' : 'ok   '}  ${step.padEnd(11)}  ${message}`)
    if (!fix) continue
    console.log(`\n${fix}`)
    return 1
  }
  return 0
}

function parse(args: string[]) {
  try {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        region: { type: 'string' },
        profile: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    if (positionals.length > 1) throw new TypeError('Only one URL can be examined')
    return { ...values, url: positionals[0] }
  } catch (error) {
    const [reason] = String((error as Error).message).split('. ')
    throw new UsageError(`${reason}. "mcp-lambda-sam doctor --help" lists the options.`)
  }
}
