import { AUDIENCES, type Audience } from '../deploy/policies.ts'
import { UsageError } from './command.ts'

/** The options of every command that works on a deployed stack. */
export const STACK_OPTIONS = {
  'stack-name': {
    type: 'string',
    value: '<name>',
    help: 'name of the CloudFormation stack (default: mcp-lambda-sam)',
  },
  region: {
    type: 'string',
    value: '<region>',
    help: 'default: AWS_REGION, AWS_DEFAULT_REGION, or the region of the profile',
  },
  profile: { type: 'string', value: '<name>', help: 'a profile of the AWS configuration files' },
  json: {
    type: 'boolean',
    help: 'print the result, or the error, as JSON; progress goes to stderr',
  },
} as const

/** The same as the functions of `deploy/` take them. */
export const stackOf = (flags: {
  'stack-name'?: string
  region?: string
  profile?: string
}): { stackName?: string; region?: string; profile?: string } => {
  const { 'stack-name': stackName, region, profile } = flags
  return {
    ...(stackName !== undefined && { stackName }),
    ...(region !== undefined && { region }),
    ...(profile !== undefined && { profile }),
  }
}

export function audienceOf(flag: string, value: string | undefined): Audience {
  const found = AUDIENCES.find(it => it === value)
  if (found) return found
  throw new UsageError(`${flag} takes ${AUDIENCES.join(' or ')}${value ? `, not "${value}"` : ''}`)
}
