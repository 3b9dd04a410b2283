import { identityPolicy } from '../deploy/policies.ts'
import { defineCommand, printJson, UsageError } from './command.ts'
import { audienceOf, STACK_OPTIONS, stackOf } from './stack-options.ts'

export const policyCommand = defineCommand({
  name: 'policy',
  summary: 'print the IAM policy that allows what grant allows',
  usage: '--for client|admin [options]',
  help: `Prints one JSON document: the IAM policy for a role or user that uses the gateway (client) or
registers functions (admin).`,
  options: {
    for: {
      type: 'string',
      value: 'client|admin',
      help: 'client: use the gateway; admin: register functions',
    },
    'function-arn': {
      type: 'string',
      value: '<arn>',
      help: 'ARN of the function; without it, the outputs of the stack give it',
    },
    ...STACK_OPTIONS,
  },
  async run(flags) {
    const audience = audienceOf('--for', flags.for)
    const given = flags['function-arn']
    if (given && !FUNCTION_ARN.test(given))
      throw new UsageError(`--function-arn takes the ARN of a function, not "${given}"`)
    const functionArn = given || (await functionArnOfStack())
    printJson(identityPolicy(functionArn))
    return 0

    async function functionArnOfStack(): Promise<string> {
      const { functionArnOf } = await import('../deploy/url-access.ts')
      return functionArnOf(audience, stackOf(flags))
    }
  },
})

const FUNCTION_ARN = /^arn:[\w-]+:lambda:[a-z0-9-]+:\d{12}:function:[\w-]+(:[\w$-]+)?$/
