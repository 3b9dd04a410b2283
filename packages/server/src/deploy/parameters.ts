import { DeployError } from './errors.ts'
import type { Template } from './template.ts'

/**
 * The parameters of a change set, by name: the given value, or undefined to keep the value of the
 * stack. A parameter that is absent takes the default of the template. A new stack gets its own
 * name as the prefix of its functions, so that the names of two stacks do not collide.
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

/** The values that the stack has after a change set with these parameters. */
export function resultingParameters(
  { parameters: known }: Template,
  values: Record<string, string | undefined>,
  current: Record<string, string> = {},
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(known).map(([name, { default: preset = '' }]) => [
      name,
      values[name] ?? current[name] ?? preset,
    ]),
  )
}

/**
 * Rejects parameters whose environment variables Lambda would refuse, after minutes and with all
 * their values in the message. A secret of the stack counts as the asterisks that show it.
 */
export function assertFits(values: Record<string, string>) {
  const lengths = LONG.map(name => Buffer.byteLength(JSON.stringify(values[name] ?? '')))
  const bytes = lengths.reduce((sum, length) => sum + length, 0)
  if (bytes <= MAX_LONG_BYTES) return
  throw new DeployError(
    'invalid_option',
    `${LONG.join(', ')} have ${bytes} bytes together, and all environment variables of a function 4 KB`,
    { hint: 'Shorten one of them.' },
  )
}

const LONG = ['Instructions', 'AllowedOrigins', 'RequestStateKeys', 'PublicPath']
/** The other variables and their names take 600 bytes at least, as JSON. */
const MAX_LONG_BYTES = 4_096 - 600

const IDENTIFIER = 'StackIdentifier'

function identifier(stackName: string): string {
  const name = stackName.toLowerCase()
  if (/^[a-z][a-z0-9-]{1,40}$/.test(name)) return name
  throw new DeployError(
    'invalid_option',
    `The functions cannot be named after the stack ${stackName}: such a name has 2 to 41 letters, digits and "-"`,
    { hint: 'Give a prefix for their names with --parameter StackIdentifier=<prefix>.' },
  )
}

const unknown = (name: string, known: object) =>
  new DeployError('invalid_option', `The template has no parameter ${name}`, {
    hint: `It has ${Object.keys(known).join(', ')}.`,
  })

const missing = (name: string) =>
  new DeployError('invalid_option', `The parameter ${name} has no default`, {
    hint: `Give it with --parameter ${name}=<value>.`,
  })
