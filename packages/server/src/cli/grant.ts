import { placeOptions } from '../deploy/place.ts'
import { identityPolicy } from '../deploy/policies.ts'
import type { UrlAccess, UrlAccessOptions } from '../deploy/url-access.ts'
import { type Command, defineCommand, printResult, UsageError } from './command.ts'
import { audienceOf, STACK_OPTIONS, stackOf } from './stack-options.ts'

export const grantCommand = urlAccessCommand({
  name: 'grant',
  summary: 'let a principal use the gateway, or register functions',
  help: `Gives a principal access to the URL of the gateway, or of the registration API: adds two statements
to the resource policy of the function. Running it again changes nothing.`,
  async change(options) {
    const { grantUrlAccess } = await import('../deploy/url-access.ts')
    const access = await grantUrlAccess(options)
    const { functionArn, isOtherAccount } = access
    // What the other account must allow.
    const policy = isOtherAccount ? identityPolicy(functionArn) : undefined
    return { result: { ...access, policy }, text: () => grantedText(access) }
  },
})

export const revokeCommand = urlAccessCommand({
  name: 'revoke',
  summary: 'take away what grant gave',
  help: `Removes the two statements that grant added. The principal keeps what its own policies allow.`,
  async change(options) {
    const { revokeUrlAccess } = await import('../deploy/url-access.ts')
    const access = await revokeUrlAccess(options)
    return { result: access, text: () => revokedText(access, options.profile) }
  },
})

function urlAccessCommand({
  change,
  ...texts
}: {
  name: string
  summary: string
  help: string
  change(options: UrlAccessOptions): Promise<{ result: UrlAccess; text: () => string }>
}): Command {
  return defineCommand({
    ...texts,
    usage: '--to <principal> --as client|admin [options]',
    options: {
      to: {
        type: 'string',
        value: '<principal>',
        help: 'ARN of a role or user, or number of an account',
      },
      as: {
        type: 'string',
        value: 'client|admin',
        help: 'client: use the gateway; admin: register functions',
      },
      ...STACK_OPTIONS,
    },
    async run(flags) {
      const as = audienceOf('--as', flags.as)
      const { to } = flags
      if (!to) throw new UsageError('--to is needed: the ARN of a role or user, or an account')
      const { result, text } = await change({ ...stackOf(flags), to, as })
      printResult(flags, result, text)
      return 0
    },
  })
}

function grantedText({ principal, functionArn, changed, isOtherAccount }: UrlAccess): string {
  const lines = [
    `${principal} may ${changed ? 'now' : 'already'} call ${functionArn} through its URL.`,
  ]
  if (isOtherAccount)
    lines.push(
      '',
      'The principal belongs to another account. That account must allow the same, with this policy:',
      JSON.stringify(identityPolicy(functionArn), null, 2),
    )
  else if (changed) lines.push('IAM takes a few seconds to apply it.')
  return lines.join('\n')
}

function revokedText(
  { principal, functionArn, changed, otherStatements }: UrlAccess,
  profile: string | undefined,
): string {
  const region = functionArn.split(':')[3]
  const where = placeOptions({ region, profile })
  const lines = [
    changed
      ? `${principal} no longer has access to the URL of ${functionArn}.`
      : `Nothing to remove: no statement that grant wrote on ${functionArn} names ${principal}.`,
  ]
  for (const sid of otherStatements)
    lines.push(
      `Another statement still names it: aws lambda remove-permission --function-name ${functionArn} --statement-id ${sid} ${where}`,
    )
  return lines.join('\n')
}
