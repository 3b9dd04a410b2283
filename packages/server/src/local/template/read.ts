import { type CollectionTag, parse, type ScalarTag } from 'yaml'

import { isRecord } from '../../is-record.ts'
import { LocalError } from '../errors.ts'
import type { Template } from './intrinsics.ts'

/** Parses a SAM or CloudFormation template, YAML or JSON, with its short forms such as `!Ref`. */
export function parseTemplate(text: string, file: string): Template {
  let template: unknown
  try {
    template = parse(text, { customTags: TAGS, logLevel: 'error' })
  } catch (cause) {
    throw unreadable(file, (cause as Error).message, cause)
  }
  if (!isRecord(template) || !isRecord(template['Resources']))
    throw unreadable(file, 'it has no Resources')
  return template
}

const unreadable = (file: string, reason: string, cause?: unknown) =>
  new LocalError(
    'unreadable_template',
    `${file} is no SAM or CloudFormation template: ${reason}`,
    'Name the template of your project with --template, such as template.yaml.',
    { cause },
  )

const NAMES = [
  ...['Ref', 'Condition', 'Sub', 'GetAtt', 'Join', 'Select', 'Split', 'FindInMap', 'If', 'Equals'],
  ...['And', 'Or', 'Not', 'ImportValue', 'Base64', 'Cidr', 'GetAZs', 'Transform', 'ToJsonString'],
  ...['Length', 'ForEach'],
]

/** `!Sub text` is the short form of `{"Fn::Sub": "text"}`. */
const TAGS = NAMES.flatMap(name => {
  const key = name === 'Ref' || name === 'Condition' ? name : `Fn::${name}`
  const scalar: ScalarTag = { tag: `!${name}`, resolve: text => ({ [key]: text }) }
  const collections = (['seq', 'map'] as const).map(
    (collection): CollectionTag => ({
      tag: `!${name}`,
      collection,
      resolve: node => ({ [key]: node.toJSON() }),
    }),
  )
  return [scalar, ...collections]
})
