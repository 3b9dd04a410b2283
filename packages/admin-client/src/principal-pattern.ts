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
  /** The role-session name, with `*`. Undefined for every role session of the role. */
  sessionName?: string
}

const MAX_LENGTH = 1_024

/** Parses an entry of `allow`, or returns one phrase that says why no caller can be compared. */
export function parsePrincipalPattern(text: string): PrincipalPattern | string {
  if (text.length > MAX_LENGTH) return `has more than ${MAX_LENGTH} characters`
  const [prefix, partition = '', service, region, accountId = '', ...rest] = text.split(':')
  const resource = rest.join(':')
  if (/^(sts:)?source-?identity\b/i.test(prefix === 'arn' ? resource : text))
    return `names a source identity, which Lambda does not tell the gateway: give a role-session name, ${ROLE_SESSION}`
  if (prefix !== 'arn') return `is not an ARN: ${EXPECTED}`
  if (!isPartition(partition)) return `has the partition "${partition}": ${PARTITIONS} is expected`
  if ((service !== 'iam' && service !== 'sts') || region !== '')
    return `is not an ARN of IAM: ${EXPECTED}`
  if (!/^(\d{12}|\*)$/.test(accountId))
    return `has the account "${accountId}": twelve digits or "*" are expected`
  if (service === 'sts') return parseRoleSession(partition, accountId, resource)
  if (resource === 'root')
    return accountId === '*'
      ? 'names every principal of every account: leave out "allow", or name the accounts'
      : { partition, accountId, kind: 'root', name: '' }
  const [, kind, path = '', name = ''] = /^(role|user)\/(.*\/)?([^/]*)$/s.exec(resource) ?? []
  if (kind !== 'role' && kind !== 'user') return `names neither a role nor a user: ${EXPECTED}`
  if (!NAME.test(name)) return wrongName(name)
  if (!/^[\x21-\x3e\x40-\x7e]*$/.test(path))
    return `has the path "${path}": ASCII without spaces and "?" is expected`
  if (path && !isDecidable(kind, accountId, path, name))
    return `has a path and a "*": Lambda names the role of a caller without its path, so no caller can be compared with it. Leave out the path (${kind}/NAME*), or give the whole ARN of one ${kind} without "*"`
  return { partition, accountId, kind, name }
}

/** `assumed-role/ROLE/SESSION`, as IAM writes a role session. Its ARN has no path of the role. */
function parseRoleSession(
  partition: string,
  accountId: string,
  resource: string,
): PrincipalPattern | string {
  const [kind, name = '', sessionName, ...rest] = resource.split('/')
  if (kind !== 'assumed-role' || sessionName === undefined || rest.length > 0)
    return `names no role session: ${ROLE_SESSION} is expected, without the path of the role`
  for (const it of [name, sessionName]) if (!NAME.test(it)) return wrongName(it)
  return { partition, accountId, kind: 'role', name, sessionName }
}

const NAME = /^[\w+=,.@*-]{1,128}$/
const wrongName = (name: string) =>
  `has the name "${name}": letters, digits and _+=,.@- are expected, and "*" for any characters`

const ROLE_SESSION = 'arn:aws:sts::123456789012:assumed-role/ROLE/SESSION'

const EXPECTED =
  'the ARN of a role, a user or an account is expected (arn:aws:iam::123456789012:role/agents-*, or …:root for an account), or of a role session (arn:aws:sts::123456789012:assumed-role/agents-*/ann)'

/**
 * Whether the name tells what the pattern with a path says. A name is unique within its account,
 * whatever its path. Only IAM Identity Center can create roles with its prefix, and it gives all of
 * them the same path:
 * https://docs.aws.amazon.com/singlesignon/latest/userguide/referencingpermissionsets.html
 */
const isDecidable = (kind: string, accountId: string, path: string, name: string) =>
  (kind === 'role' && name.startsWith('AWSReservedSSO_')) ||
  !`${accountId}${path}${name}`.includes('*')
