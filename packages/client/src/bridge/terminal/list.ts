import { isRecord } from '../../is-record.ts'
import { type McpClient, type Result, recordIn, ServerError } from './mcp-client.ts'
import { pagesOf } from './pages.ts'
import { cut, onOneLine, type Style } from './style.ts'

/** What a server offers. */
export interface Offer {
  tools: Result[]
  resources: Result[]
  resourceTemplates: Result[]
  prompts: Result[]
}

const METHOD_NOT_FOUND = -32601

export async function readOffer(client: McpClient): Promise<Offer> {
  const { tools, resources, prompts } = client.capabilities
  return {
    tools: tools ? await pages(client, 'tools/list', 'tools') : [],
    resources: resources ? await pages(client, 'resources/list', 'resources') : [],
    resourceTemplates: resources
      ? await pages(client, 'resources/templates/list', 'resourceTemplates')
      : [],
    prompts: prompts ? await pages(client, 'prompts/list', 'prompts') : [],
  }
}

async function pages(client: McpClient, method: string, name: string): Promise<Result[]> {
  const found: Result[] = []
  try {
    for await (const { [name]: items } of pagesOf(client.request, method))
      for (const item of Array.isArray(items) ? items : []) if (isRecord(item)) found.push(item)
  } catch (error) {
    const isUnknown = error instanceof ServerError && error.code === METHOD_NOT_FOUND
    if (!isUnknown) throw error
  }
  return found
}

/** Tables for people. */
export function offerText(offer: Offer, style: Style): string {
  const sections = [
    section('Tools', offer.tools, style, it => [
      onOneLine(it['name']),
      parametersOf(recordIn(it, 'inputSchema')),
    ]),
    section('Resources', offer.resources, style, it => [
      onOneLine(it['uri']),
      onOneLine(it['mimeType']),
    ]),
    section('Resource templates', offer.resourceTemplates, style, it => [
      onOneLine(it['uriTemplate']),
      onOneLine(it['mimeType']),
    ]),
    section('Prompts', offer.prompts, style, it => [
      onOneLine(it['name']),
      argumentsOf(it['arguments']),
    ]),
  ].filter(it => it !== undefined)
  return sections.length > 0 ? sections.join('\n\n') : 'The gateway offers you nothing.'
}

/** The second column is at most this wide. */
const MAX_DETAIL = 40

function section(
  title: string,
  items: Result[],
  style: Style,
  columns: (item: Result) => [name: string, detail: string],
): string | undefined {
  if (items.length === 0) return undefined
  const rows = items.map(it => {
    const [name, detail] = columns(it)
    return {
      name,
      detail: cut(detail, MAX_DETAIL),
      text: onOneLine(it['description'] ?? it['title']),
    }
  })
  const nameWidth = widest(rows.map(it => it.name))
  const detailWidth = widest(rows.map(it => it.detail))
  const left = style.width === undefined ? undefined : style.width - nameWidth - detailWidth - 6
  const lines = rows.map(({ name, detail, text }) => {
    // On a narrow terminal the description gets a line of its own.
    const isBeside = left === undefined || left >= MIN_DESCRIPTION
    const shown =
      style.width === undefined ? text : cut(text, isBeside ? (left ?? 0) : style.width - 4)
    const first = `  ${style.bold(name.padEnd(nameWidth))}  ${detail.padEnd(detailWidth)}`
    return (
      isBeside ? `${first}  ${style.dim(shown)}` : `${first}\n    ${style.dim(shown)}`
    ).trimEnd()
  })
  return [`${title} (${items.length})`, ...lines].join('\n')
}

const MIN_DESCRIPTION = 24

const widest = (texts: string[]) => texts.reduce((width, it) => Math.max(width, [...it].length), 0)

/** `name, limit?`: the question mark means optional. */
function parametersOf(schema: Result): string {
  const required = Array.isArray(schema['required']) ? schema['required'] : []
  return Object.keys(recordIn(schema, 'properties'))
    .map(name => onOneLine(name) + (required.includes(name) ? '' : '?'))
    .join(', ')
}

function argumentsOf(value: unknown): string {
  return (Array.isArray(value) ? value : [])
    .filter(isRecord)
    .map(it => onOneLine(it['name']) + (it['required'] === true ? '' : '?'))
    .join(', ')
}
