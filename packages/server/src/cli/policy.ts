import { identityPolicy } from '../deploy/policies.ts'
import { policyFor } from '../deploy/url-access.ts'
import { audience, parse, STACK_HELP, STACK_OPTIONS } from './options.ts'

const HELP = `mcp-lambda-sam policy --for client|admin

Prints the IAM policy for a role or user that is to use the gateway (client) or register functions (admin), as one
JSON document.

Options
  --for client|admin
  --function-arn <arn>  of the function, instead of looking it up in the stack
${STACK_HELP}
`

export async function printPolicy(args: string[]): Promise<number> {
  const flags = parse('policy', args, {
    ...STACK_OPTIONS,
    for: { type: 'string' },
    'function-arn': { type: 'string' },
  })
  if (flags.help) {
    console.log(HELP.trimEnd())
    return 0
  }
  const of = audience('--for', flags.for)
  const { region, profile, 'stack-name': stackName, 'function-arn': functionArn } = flags
  const policy = functionArn
    ? identityPolicy(functionArn)
    : await policyFor(of, { region, profile, stackName })
  console.log(JSON.stringify(policy, null, 2))
  return 0
}
