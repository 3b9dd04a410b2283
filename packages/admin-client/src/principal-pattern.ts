import { isPartition, PARTITIONS } from './partitions.ts'

/**
 * An entry of `allow`: the callers that it stands for. Lambda names the role of a caller without
 * the path of the role, so a path takes no part.
 */
export interface PrincipalPattern {
  partition: string
  /** Twelve digits, or `*`. */
  accountId: string
  /** `root` stands for every principal of the account. */
  kind: 'role' | 'user' | 'root'
  /** Empty for `root`. `*` stands for any characters. */
  name: string
}

const MAX_LENGTH = 1_024

/** Parses an entry of `allow`, or returns one phrase that says why no caller can be compared. */
export function parsePrincipalPattern(text: string): PrincipalPattern | string {
  if (text.length > MAX_LENGTH) return `has more than ${MAX_LENGTH} characters`
  const [prefix, partition = '', service, region, accountId = '', ...rest] = text.split(':')
  const resource = rest.join(':')
  if (prefix !== 'arn') return `is not an ARN: ${EXPECTED}`
  if (!isPartition(partition)) return `has the partition "${partition}": ${PARTITIONS} is expected`
  if (service === 'sts')
    return 'names a role session, which ends after some hours: give the ARN of the role, arn:aws:iam::ACCOUNT:role/NAME'
  if (service !== 'iam' || region !== '') return `is not an ARN of IAM: ${EXPECTED}`
  if (!/^(\d{12}|\*)$/.test(accountId))
    return `has the account "${accountId}": twelve digits or "*" are expected`
  if (resource === 'root')
    return accountId === '*'
      ? 'names every principal of every account: leave out "allow", or name the accounts'
      : { partition, accountId, kind: 'root', name: '' }
  const [, kind, path = '', name = ''] = /^(role|user)\/(.*\/)?([^/]*)$/s.exec(resource) ?? []
  if (kind !== 'role' && kind !== 'user') return `names neither a role nor a user: ${EXPECTED}`
  if (!/^[\w+=,.@*-]{1,128}$/.test(name))
    return `has the name "${name}": letters, digits and _+=,.@- are expected, and "*" for any characters`
  if (!/^[\x21-\x3e\x40-\x7e]*$/.test(path))
    return `has the path "${path}": ASCII without spaces and "?" is expected`
  if (path && !isDecidable(kind, accountId, path, name))
    return `has a path and a "*": Lambda names the role of a caller without its path, so no caller can be compared with it. Leave out the path (${kind}/NAME*), or give the whole ARN of one ${kind} without "*"`
  return { partition, accountId, kind, name }
}

const EXPECTED =
  'the ARN of a role, a user or an account is expected (arn:aws:iam::123456789012:role/agents-*, or …:root for an account)'

/**
 * Whether the name tells what the pattern with a path says. A name is unique within its account,
 * whatever its path. Only IAM Identity Center can create roles with its prefix, and it gives all of
 * them the same path:
 * https://docs.aws.amazon.com/singlesignon/latest/userguide/referencingpermissionsets.html
 */
const isDecidable = (kind: string, accountId: string, path: string, name: string) =>
  (kind === 'role' && name.startsWith('AWSReservedSSO_')) ||
  !`${accountId}${path}${name}`.includes('*')
