import { readFile } from 'node:fs/promises'

import { expect, test } from 'vitest'

import { CLIENT_ERRORS, ClientError, type ClientErrorCode } from '../src/errors.ts'

const codes = Object.keys(CLIENT_ERRORS) as ClientErrorCode[]

test.each(codes)('the error %s takes the hint of its code', code => {
  const hint = CLIENT_ERRORS[code]
  expect(hint).toMatch(/\S/)
  expect(new ClientError(code, 'm')).toMatchObject({ code, hint, retryable: false })
})

test('the README lists exactly the codes of ClientError', async () => {
  expect(await codesIn(new URL('../README.md', import.meta.url))).toEqual(codes.sort())
})

/** The first column of the table below "## Errors". */
async function codesIn(readme: URL): Promise<(string | undefined)[]> {
  const [, section = ''] = (await readFile(readme, 'utf8')).split('\n## Errors\n')
  const [table = ''] = section.split('\n## ')
  return [...table.matchAll(/^\| `(?!code`)(\w+)` +\|/gm)].map(([, code]) => code)
}
