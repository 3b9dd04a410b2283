import { DeployError } from './errors.ts'
import type { Template } from './template.ts'

/**
 * What to give CloudFormation for each parameter that has no default to take: the value asked for, or undefined
 * for the one that the stack has. A new stack names its functions after itself, so that a second one finds
 * its names free.
 */
export function toParameters(
  { parameters: known }: Template,
  stackName: string,
  current: Record<string, string> | undefined,
  wanted: Record<string, string> = {},
): Record<string, string | undefined> {
  for (const name of Object.keys(wanted))
    if (!Object.hasOwn(known, name)) throw unknown(name, known)
  const values: Record<string, string | undefined> = {}
  for (const [name, { default: preset }] of Object.entries(known)) {
    if (wanted[name] !== undefined) values[name] = wanted[name]
    else if (current && Object.hasOwn(current, name)) values[name] = undefined
    else if (name === IDENTIFIER) values[name] = identifier(stackName)
    else if (preset === undefined) throw missing(name)
  }
  return values
}

const IDENTIFIER = 'StackIdentifier'

function identifier(stackName: string): string {
  const name = stackName.toLowerCase()
  if (/^[a-z][a-z0-9-]{1,40}$/.test(name)) return name
  throw new DeployError(
    'invalid_option',
    `The functions cannot be named after the stack ${stackName}: 2 to 41 letters, digits and "-" are expected`,
    'Give them a prefix with --parameter StackIdentifier=<prefix>.',
  )
}

const unknown = (name: string, known: object) =>
  new DeployError(
    'invalid_option',
    `The template has no parameter ${name}`,
    `It has ${Object.keys(known).join(', ')}.`,
  )

const missing = (name: string) =>
  new DeployError(
    'invalid_option',
    `The parameter ${name} has no default`,
    `Give it with --parameter ${name}=<value>.`,
  )
