import type { AdminError } from '../errors.ts'
import { type AwsOptions, awsRequest } from './aws-request.ts'

/** The outputs of a stack, by key. Undefined where there is no such stack. */
export async function stackOutputs(
  options: AwsOptions,
  stack: string,
): Promise<Record<string, string> | undefined> {
  try {
    const xml = await query(options, { Action: 'DescribeStacks', StackName: stack })
    return pairsIn(xml, 'OutputKey', 'OutputValue')
  } catch (error) {
    if (/does not exist/.test((error as AdminError).message)) return undefined
    throw error
  }
}

/** All exports of the region, by name. */
export async function allExports(options: AwsOptions): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  let next: string | undefined
  do {
    const xml = await query(options, {
      Action: 'ListExports',
      ...(next !== undefined && { NextToken: next }),
    })
    Object.assign(found, pairsIn(xml, 'Name', 'Value'))
    next = textIn(xml, 'NextToken')
  } while (next)
  return found
}

function query(options: AwsOptions, fields: Record<string, string>): Promise<string> {
  return awsRequest(options, {
    service: 'cloudformation',
    body: String(new URLSearchParams({ ...fields, Version: '2010-05-15' })),
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  })
}

/**
 * The two elements of each `<member>`:
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference
 */
function pairsIn(xml: string, key: string, value: string): Record<string, string> {
  const members = xml.match(/<member>(?:(?!<member>)[\s\S])*?<\/member>/g) ?? []
  return Object.fromEntries(
    members.flatMap(member => {
      const name = textIn(member, key)
      return name === undefined ? [] : [[name, textIn(member, value) ?? '']]
    }),
  )
}

function textIn(xml: string, element: string): string | undefined {
  const [, text] = new RegExp(`<${element}>([^<]*)</${element}>`).exec(xml) ?? []
  return text?.replace(/&(lt|gt|quot|apos|amp|#x?[0-9a-fA-F]+);/g, (_, name: string) => {
    if (!name.startsWith('#')) return ENTITIES[name] ?? ''
    return String.fromCodePoint(
      name.startsWith('#x') ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1)),
    )
  })
}

const ENTITIES: Record<string, string> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' }
