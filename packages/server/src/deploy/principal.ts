import { isPartition } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import { DeployError } from './errors.ts'

const PRINCIPAL = /^arn:([\w-]+):iam::\d{12}:(root|(?:role|user)\/[\w+=,.@/-]+)$/

/** The ARN that resource policies show for an account number or for the ARN of a role or user. */
export function toPrincipal(text: string, partition: string): string {
  if (/^\d{12}$/.test(text)) return `arn:${partition}:iam::${text}:root`
  if (isPartition(PRINCIPAL.exec(text)?.[1] ?? '')) return text
  const [, role] = /^arn:[\w-]+:sts::\d+:assumed-role\/([\w+=,.@-]+)/.exec(text) ?? []
  if (role)
    throw refused(
      `"${text}" is a role session, which ends after some hours`,
      `Give the ARN of the role, with its path: "aws iam get-role --role-name ${role} --query Role.Arn" prints it.`,
    )
  throw refused(
    `"${text}" is not a principal that can get URL access`,
    'Give the number of an account, or the ARN of a role or user: arn:aws:iam::<account>:role/<name>.',
  )
}

export const accountOf = (principal: string) => principal.split(':')[4] ?? ''

const refused = (message: string, hint: string) =>
  new DeployError('invalid_option', message, { hint })
