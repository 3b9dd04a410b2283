import type { AwsOptions } from '../aws/aws-request.ts'
import type { AdminClient } from '../client.ts'
import { AdminError } from '../errors.ts'

/** The options of every command that calls the registration API. */
export const GATEWAY_OPTIONS = {
  url: {
    type: 'string',
    value: '<url>',
    help: 'the RegistrationUrl of the stack (default: the variable REGISTRATION_URL)',
  },
  'stack-name': {
    type: 'string',
    value: '<name>',
    help: 'instead of the URL: the stack of the gateway (default: mcp-lambda-sam)',
  },
  region: {
    type: 'string',
    value: '<region>',
    help: 'default: AWS_REGION, AWS_DEFAULT_REGION, or the region of the profile',
  },
  profile: { type: 'string', value: '<name>', help: 'a profile of the AWS configuration files' },
  json: { type: 'boolean', help: 'print JSON' },
} as const

export interface GatewayFlags {
  url?: string
  'stack-name'?: string
  region?: string
  profile?: string
}

export const DEFAULT_STACK = 'mcp-lambda-sam'

/** The options of requests to AWS. */
export const awsOptions = ({ region, profile }: GatewayFlags): AwsOptions => ({
  ...(region !== undefined && { region }),
  ...(profile !== undefined && { profile }),
})

/** The admin client for the gateway that the flags name. */
export async function gatewayOf(flags: GatewayFlags): Promise<AdminClient> {
  const url = await registrationUrl(flags)
  const { createAdminClient } = await import('../client.ts')
  return createAdminClient({ url, ...awsOptions(flags) })
}

async function registrationUrl(flags: GatewayFlags): Promise<string> {
  const { url, 'stack-name': named } = flags
  const known = url || (named === undefined && process.env['REGISTRATION_URL'])
  if (known) return known
  const { RegistrationUrl } = await outputsOf(named ?? DEFAULT_STACK, flags)
  if (RegistrationUrl) return RegistrationUrl
  throw new AdminError(
    'invalid_url',
    `The stack ${named ?? DEFAULT_STACK} has no output RegistrationUrl, so it is not a gateway`,
  )
}

/** The outputs of the gateway's stack. */
export async function outputsOf(
  stack: string,
  flags: GatewayFlags,
): Promise<Record<string, string>> {
  const { stackOutputs } = await import('../aws/cloudformation.ts')
  const outputs = await stackOutputs(awsOptions(flags), stack)
  if (outputs) return outputs
  throw new AdminError('invalid_url', `There is no stack ${stack} in this account and region`, {
    hint: 'Give "--url URL" or set REGISTRATION_URL; or name the stack with --stack-name, --region and --profile.',
  })
}
