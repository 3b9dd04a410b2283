import { type Page, readPage } from '../../docs/markdown.ts'
import type { Gateway } from '../../support/gateway.ts'
import type { PageClient } from './clients.ts'

export const PAGE = 'docs/connect.md'

export type Endpoint = '/mcp' | '/sse'

/** The code of the page under the comment `connect: ID`. */
export function blockOf(id: string, { blocks }: Pick<Page, 'blocks'> = readPage(PAGE)): string {
  const found = blocks.filter(({ comment }) => comment === `connect: ${id}`)
  if (found.length !== 1) throw new Error(`${PAGE} has ${found.length} blocks "connect: ${id}"`)
  return found[0]?.code ?? ''
}

/** The block of a client for an endpoint as it stands, but for the URL and the region. */
export function snippetOf(
  { block, change, sse = [] }: PageClient,
  endpoint: Endpoint,
  { mcpUrl, region }: Gateway,
): string {
  let code = blockOf(block)
  const changes = [...(change ? [change] : []), ...(endpoint === '/sse' ? sse : [])]
  for (const [from, to] of changes) {
    if (!code.includes(from)) throw new Error(`The block "${block}" has no ${from}`)
    code = code.replaceAll(from, to)
  }
  return code
    .replaceAll('https://ijklmnop.lambda-url.eu-central-1.on.aws/', mcpUrl)
    .replaceAll('eu-central-1', region)
}
