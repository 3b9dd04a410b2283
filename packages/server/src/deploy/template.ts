import { isMap, isScalar, parseDocument } from 'yaml'

import { DeployError } from './errors.ts'

/** CloudFormation takes no longer ones with the request itself. */
export const MAX_TEMPLATE_BYTES = 51_200

/** The SAM template as it is deployed. */
export interface Template {
  /** Where the code of each function is, as the template says it, by logical id. */
  code: Record<string, string>
  parameters: Record<string, { default: string | undefined }>
  /** The text with other places of the code in it, and without what only the publishing of it needs. */
  withCode(places: Record<string, string>): string
}

/** Reads what CloudFormation will read; its short tags (`!Ref`) stay as they are. */
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
    withCode(places) {
      const copy = parse(text)
      for (const [id, place] of Object.entries(places)) copy.setIn(codeUri(id), place)
      if (copy.hasIn(SAR)) copy.deleteIn(SAR)
      const written = copy.toString({ lineWidth: 0 })
      const bytes = Buffer.byteLength(written)
      if (bytes > MAX_TEMPLATE_BYTES)
        throw new DeployError(
          'not_built',
          `The template has ${bytes} bytes; CloudFormation takes ${MAX_TEMPLATE_BYTES}`,
          'Deploy with the SAM CLI, and report this.',
        )
      return written
    },
  }
}

// Names files of the repository, which only publishing uploads.
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
