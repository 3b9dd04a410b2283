import { ClientError } from '../../errors.ts'
import type { Result } from './mcp-client.ts'

/** More pages than any gateway has: 100,000 tools in pages of 100. */
const MAX_PAGES = 1_000

/** The pages of a list of the server. */
export async function* pagesOf(
  request: (method: string, params: Result) => Promise<Result>,
  method: string,
): AsyncGenerator<Result> {
  const seen = new Set<string>()
  for (let params: Result = {}; ; ) {
    const page = await request(method, params)
    yield page
    const { nextCursor: cursor } = page
    if (typeof cursor !== 'string') return
    if (seen.has(cursor) || seen.size === MAX_PAGES) throw endless(method)
    seen.add(cursor)
    params = { cursor }
  }
}

const endless = (method: string) =>
  new ClientError(
    'invalid_response',
    `${method} has no end: a cursor repeats, or comes too often`,
    {
      hint: 'Report it to the operator of the server: the last page of a list has no nextCursor.',
    },
  )
