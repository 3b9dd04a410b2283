import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

import { pages, readPage, root } from './markdown.ts'

const { lines } = readPage('docs/security.md')

test('every test that docs/security.md names exists', () => {
  const named = lines.filter(line => /^\s*- Test:/.test(line))
  const missing = named.filter(line => {
    const [, file = '', title = ''] = /^\s*- Test: `([^`]+)`, “([^”]+)”$/.exec(line) ?? []
    return !title || !existsSync(`${root}${file}`) || !textOf(file).includes(title)
  })
  expect(named.length).toBeGreaterThan(20)
  expect(missing).toEqual([])
})

const textOf = (file: string) => readFileSync(`${root}${file}`, 'utf8').replaceAll("\\'", "'")

test('every claim of docs/security.md about an attempt has a test', () => {
  const claims = lines.flatMap((line, index) => (/^- \*\*/.test(line) ? [index] : []))
  const bare = claims.filter(index => !lines[index + 1]?.startsWith('  - Test:'))
  expect(bare.map(index => lines[index])).toEqual([])
})

test('every page allows lambda:InvokeFunction on the gateway only with the URL condition', () => {
  const wrong = pages().flatMap(({ path, lines, blocks }) => [
    ...blocks
      .filter(({ code }) => code.includes('"lambda:InvokeFunction"'))
      // The gateway's permission on a registered function has its role as the principal.
      .filter(({ code }) => !/InvokedViaFunctionUrl|<McpRoleArn>/.test(code))
      .map(({ place }) => place),
    ...blocks
      .filter(({ code }) => /add-permission(?:(?!invoked-via-function-url).)*$/s.test(code))
      .map(({ place }) => place),
    ...paragraphs(lines)
      .filter(({ text }) => /\b(allow|grant|give|attach)\b/i.test(text))
      .filter(({ text }) => /`lambda:InvokeFunction`/.test(text))
      .filter(({ text }) => !/InvokedViaFunctionUrl|Never allow/.test(text))
      .map(({ line }) => `${path}:${line}`),
  ])
  expect(wrong).toEqual([])
})

test('the example of README.md with EventSource signs no request to another origin', async () => {
  const { blocks } = readPage('README.md')
  const example = blocks.find(({ code }) => code.includes('new EventSource('))?.code ?? ''
  const listeners = new Map<string, (event: { data: string }) => Promise<void>>()
  const sent: string[] = []
  const run = new Function('EventSource', 'signedFetch', example.replace(/^import .*$/gm, ''))
  run(
    class {
      addEventListener = listeners.set.bind(listeners)
    },
    () => async (url: URL) => sent.push(url.origin),
  )
  const named = (data: string) => listeners.get('endpoint')?.({ data })
  await expect(named('https://evil.example/message')).rejects.toThrow('is not the gateway')
  await expect(named('//evil.example/message')).rejects.toThrow('is not the gateway')
  expect(sent).toEqual([])
  await named('/message?sessionId=a')
  expect(sent).toHaveLength(1)
})

/** Text between empty lines. Each row of a table is one. */
function paragraphs(lines: string[]): { line: number; text: string }[] {
  const found: { line: number; text: string }[] = []
  let isOpen = false
  lines.forEach((line, index) => {
    const isRow = line.startsWith('|')
    if (line === '') isOpen = false
    else if (isOpen && !isRow) found[found.length - 1] = join(found.at(-1), line)
    else {
      isOpen = true
      found.push({ line: index + 1, text: line })
    }
  })
  return found
}

const join = (paragraph: { line: number; text: string } | undefined, line: string) => ({
  line: paragraph?.line ?? 0,
  text: `${paragraph?.text} ${line}`,
})
