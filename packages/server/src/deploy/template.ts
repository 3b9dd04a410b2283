import { isMap, isScalar, parseDocument } from 'yaml'

import { DeployError } from './errors.ts'

/** The longest template that a request to CloudFormation can carry. */
export const MAX_TEMPLATE_BYTES = 51_200

/** The SAM template of this package. */
export interface Template {
  /** The `CodeUri` of each function, by logical id. */
  code: Record<string, string>
  parameters: Record<string, { default: string | undefined }>
  /** The text with these values of `CodeUri`, without the metadata that only publishing needs. */
  withCode(codeUris: Record<string, string>): string
}

/** Parses the template. The short tags of CloudFormation (`!Ref`) stay as they are. */
export function readTemplate(text: string): Template {
  const document = parse(text)
  return {
    code: Object.fromEntries(
      functionsOf(document).map(id => [id, String(document.getIn(codeUri(id)))]),
    ),
    parameters: Object.fromEntries(
      entriesOf(document, 'Parameters').map(name => {
        const value = document.getIn(['Parameters', name, 'Default'])
        return [name, { default: value === undefined ? undefined : String(value) }]
      }),
    ),
    withCode(codeUris) {
      const copy = parse(text)
      for (const [id, uri] of Object.entries(codeUris)) copy.setIn(codeUri(id), uri)
      if (copy.hasIn(SAR)) copy.deleteIn(SAR)
      const written = copy.toString({ lineWidth: 0 })
      const bytes = Buffer.byteLength(written)
      if (bytes > MAX_TEMPLATE_BYTES)
        throw new DeployError(
          'not_built',
          `The template has ${bytes} bytes; CloudFormation accepts ${MAX_TEMPLATE_BYTES}`,
          { hint: 'Deploy with the SAM CLI, and report this as a bug.' },
        )
      return written
    },
  }
}

// It names files of the repository that only publishing uploads.
const SAR = ['Metadata', 'AWS::ServerlessRepo::Application']

type Document = ReturnType<typeof parse>

function parse(text: string) {
  const document = parseDocument(text, { logLevel: 'error' })
  const [error] = document.errors
  if (error) throw error
  return document
}

const codeUri = (id: string) => ['Resources', id, 'Properties', 'CodeUri']

const functionsOf = (document: Document) =>
  entriesOf(document, 'Resources').filter(
    id => document.getIn(['Resources', id, 'Type']) === 'AWS::Serverless::Function',
  )

function entriesOf(document: Document, section: string): string[] {
  const map = document.get(section, true)
  if (!isMap(map)) return []
  return map.items.flatMap(({ key }) => (isScalar(key) ? [String(key.value)] : []))
}
