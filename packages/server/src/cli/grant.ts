import { identityPolicy } from '../deploy/policies.ts'
import { type Access, type AccessOptions, grant, revoke } from '../deploy/url-access.ts'
import { audience, parse, STACK_HELP, STACK_OPTIONS } from './options.ts'
import { UsageError } from './usage.ts'

const help = (
  command: string,
  what: string,
) => `mcp-lambda-sam ${command} --to <principal> --as client|admin

${what}

Options
  --to <principal>      the ARN of a role or user, or the number of an account
  --as client|admin     client: use the gateway; admin: register functions
${STACK_HELP}
`

const GRANT_HELP = help(
  'grant',
  `Lets a principal call the gateway, or the registration API: writes the two statements that this takes into the
policy of the function. Repeating it changes nothing.`,
)

const REVOKE_HELP = help(
  'revoke',
  'Takes back what grant gave. What the policies of the principal itself allow, it does not take away.',
)

export async function grantAccess(args: string[]): Promise<number> {
  return change('grant', GRANT_HELP, args, grant, access => {
    const { principal, functionArn, changed, foreign } = access
    const said = changed ? 'may now call' : 'may already call'
    const lines = [`${principal} ${said} ${functionArn} by its URL.`]
    if (foreign)
      lines.push(
        '',
        'It belongs to another account, which has to allow the same with a policy of its own:',
        JSON.stringify(identityPolicy(functionArn), null, 2),
      )
    else if (changed) lines.push('It takes IAM some seconds to know.')
    return lines.join('\n')
  })
}

export async function revokeAccess(args: string[]): Promise<number> {
  return change('revoke', REVOKE_HELP, args, revoke, ({ principal, functionArn, ...access }) => {
    const lines = [
      access.changed
        ? `${principal} is no longer granted ${functionArn}.`
        : `Nothing to take back: ${functionArn} has no grant for ${principal}.`,
    ]
    for (const sid of access.others)
      lines.push(
        `Another statement still names it: aws lambda remove-permission --function-name ${functionArn} --statement-id ${sid}`,
      )
    return lines.join('\n')
  })
}

async function change(
  command: string,
  help: string,
  args: string[],
  act: (options: AccessOptions) => Promise<Access>,
  describe: (access: Access) => string,
): Promise<number> {
  const flags = parse(command, args, {
    ...STACK_OPTIONS,
    to: { type: 'string' },
    as: { type: 'string' },
  })
  if (flags.help) {
    console.log(help.trimEnd())
    return 0
  }
  const as = audience('--as', flags.as)
  if (!flags.to) throw new UsageError('--to is needed: the ARN of a role or user, or an account')
  const { to, region, profile } = flags
  console.log(describe(await act({ stackName: flags['stack-name'], region, profile, to, as })))
  return 0
}
