import * as clack from '@clack/prompts'

import { regionOf } from '../deploy/account.ts'
import type { DeployOptions } from '../deploy/deploy.ts'
import { DeployError } from '../deploy/errors.ts'
import { listVpcs, type Subnet, type Vpc } from '../deploy/network.ts'
import { readProfiles } from '../deploy/profiles.ts'
import { DEFAULT_STACK_NAME } from '../deploy/stack.ts'

/** Asks for the settings that are not given. Offers what the machine and the account have. */
export async function askFor(given: DeployOptions): Promise<DeployOptions> {
  clack.intro('Deploy MCP Lambda SAM')
  const stackName = given.stackName ?? (await askName())
  const profile = given.profile ?? (await askProfile())
  const region = given.region ?? (await askRegion(profile))
  const place = { stackName, region, profile }
  const network = given.parameters?.['VpcEnabled'] === undefined ? await askNetwork(place) : {}
  return { ...given, ...place, parameters: { ...network, ...given.parameters } }
}

/** `stopped` says what has not happened when the question is cancelled. */
export async function confirm(
  message: string,
  { initialValue = false, stopped = NOTHING_CHANGED } = {},
): Promise<boolean> {
  return unwrap(await clack.confirm({ message, initialValue }), stopped)
}

async function askName(): Promise<string> {
  return unwrap(
    await clack.text({
      message: 'Name of the stack',
      initialValue: DEFAULT_STACK_NAME,
      validate: name =>
        // The functions have the name of the stack as their prefix.
        /^[A-Za-z][A-Za-z0-9-]{1,40}$/.test(name ?? '')
          ? undefined
          : 'Use 2 to 41 letters, digits and "-", beginning with a letter',
    }),
  )
}

/** Asks only if there is a choice. Keys in the environment take precedence over profiles. */
async function askProfile(): Promise<string | undefined> {
  if (process.env['AWS_PROFILE'] || process.env['AWS_ACCESS_KEY_ID']) return undefined
  const profiles = [...(await readProfiles()).keys()]
  if (profiles.length < 2) return profiles[0]
  return unwrap(
    await clack.select({
      message: 'Profile',
      options: profiles.map(value => ({ value })),
      initialValue: 'default',
    }),
  )
}

async function askRegion(profile: string | undefined): Promise<string> {
  const preset = await regionOf({ profile }).catch(() => '') // no preset: the user types it
  return unwrap(
    await clack.text({
      message: 'Region, such as eu-central-1',
      initialValue: preset,
      validate: region =>
        /^[a-z]{2,}(-[a-z]+)+-\d+$/.test(region ?? '')
          ? undefined
          : 'Give the name of a region, such as eu-central-1',
    }),
  )
}

/** The VPC parameters of the template. None when the network stays as it is. */
async function askNetwork(place: DeployOptions): Promise<Record<string, string>> {
  const attach = unwrap(
    await clack.select({
      message: 'Network of the functions',
      options: [
        { value: 'keep', label: 'Keep as it is', hint: 'a new stack is outside of any VPC' },
        {
          value: 'vpc',
          label: 'In a VPC',
          hint: 'only if your organization requires it; AWS says that Function URLs do not stream there',
        },
        { value: 'none', label: 'Outside of any VPC' },
      ],
    }),
  )
  if (attach === 'keep') return {}
  if (attach === 'none') return { VpcEnabled: 'false', VpcId: '', SubnetIds: '' }

  const vpcs = (await listVpcs(place)).filter(it => it.subnets.length > 0)
  if (vpcs.length === 0) {
    clack.log.warn(`There is no VPC with subnets in ${place.region}. The network stays as it is.`)
    return {}
  }
  const vpc = unwrap(
    await clack.select({
      message: 'VPC',
      options: vpcs.map(it => ({ value: it, label: labelOf(it) })),
    }),
  )
  const subnets = unwrap(
    await clack.multiselect({
      message: 'Subnets, preferably two in different zones (space selects, enter confirms)',
      options: vpc.subnets.map(it => ({ value: it.id, label: labelOf(it) })),
      required: true,
    }),
  )
  return { VpcEnabled: 'true', VpcId: vpc.id, SubnetIds: subnets.join(',') }
}

function labelOf(it: Vpc | Subnet): string {
  const where = 'zone' in it ? it.zone : it.isDefault ? 'default' : ''
  return [it.id, it.name, it.cidr, where].filter(Boolean).join('  ')
}

/** The value of a prompt. Ctrl-C and Escape end a prompt with a symbol. */
function unwrap<Value>(value: Value, stopped = NOTHING_CHANGED): Exclude<Value, symbol> {
  if (clack.isCancel(value)) throw new DeployError('aborted', `Stopped; ${stopped}`)
  return value as Exclude<Value, symbol>
}

const NOTHING_CHANGED = 'nothing was changed'
