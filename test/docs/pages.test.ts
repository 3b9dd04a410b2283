import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { expect, test } from 'vitest'

import { type Page, pages, readPage, root } from './markdown.ts'

/** Where a link leads that is read outside of the repository: npm shows no relative ones. */
const REPOSITORY = 'https://github.com/markvp/mcp-lambda-sam/blob/main/'

const known = new Map([...pages(), readPage('CONTRIBUTING.md')].map(page => [page.path, page]))

test('no line of a page is longer than 160 characters', () => {
  const long = pages().flatMap(({ path, lines }) =>
    lines.flatMap((line, index) =>
      line.length > 160 ? [`${path}:${index + 1}: ${line.length} characters`] : [],
    ),
  )
  expect(long).toEqual([])
})

test('every link inside the repository leads to a file and a heading that exist', () => {
  const broken = [...known.values()].flatMap(({ path, links }) =>
    links.flatMap(({ target, line }) => {
      const problem = problemOf(target, path)
      return problem ? [`${path}:${line}: ${target}: ${problem}`] : []
    }),
  )
  expect(broken).toEqual([])
})

test('every link of a package page is absolute', () => {
  const relative = pages()
    .filter(({ path }) => path.startsWith('packages/'))
    .flatMap(({ path, links }) =>
      links
        .filter(({ target }) => !URL.canParse(target) && !target.startsWith('#'))
        .map(({ target, line }) => `${path}:${line}: ${target}`),
    )
  expect(relative).toEqual([])
})

test('every page that the code of a package links to exists', () => {
  const broken = sourceFiles().flatMap(path => {
    const text = readFileSync(`${root}${path}`, 'utf8')
    const urls = text.match(new RegExp(`${REPOSITORY}[\\w./#-]*[\\w#-]`, 'g')) ?? []
    const pathsOf = text.match(/\bdocs\/[\w-]+\.(md|yaml)\b/g) ?? []
    return [...urls, ...pathsOf].flatMap(target => {
      const problem = problemOf(target, 'README.md')
      return problem ? [`${path}: ${target}: ${problem}`] : []
    })
  })
  expect(broken).toEqual([])
})

test('every file of the repository that a page names exists', () => {
  const missing = [...known.values()].flatMap(({ path, lines }) =>
    lines.flatMap((line, index) =>
      namedFiles(line)
        .filter(name => !existsSync(`${root}${name}`))
        .map(name => `${path}:${index + 1}: ${name}`),
    ),
  )
  expect(missing).toEqual([])
})

/** Files in backticks, as `packages/server/src/config.ts`; a bare name or a pattern is not one. */
function namedFiles(line: string): string[] {
  const names = [...line.matchAll(/`([^`\s]+)`/g)].map(([, name = '']) => name)
  return names.filter(name =>
    /^(packages|test|docs|scripts|bench|examples)\/[\w./-]+\.(ts|mjs|py|md|yaml)$/.test(name),
  )
}

/** What is wrong with a link of a page; undefined for a good one and for one to another site. */
function problemOf(link: string, from: string): string | undefined {
  const isOurs = link.startsWith(REPOSITORY)
  if (!isOurs && URL.canParse(link)) return undefined
  const [path = '', anchor] = isOurs ? link.slice(REPOSITORY.length).split('#') : link.split('#')
  const file = isOurs ? path : path ? posix.join(posix.dirname(from), path) : from
  if (!existsSync(`${root}${file}`)) return 'there is no such file'
  if (anchor === undefined) return undefined
  const page: Page | undefined = known.get(file)
  return page?.anchors.has(anchor) ? undefined : `${file} has no such heading`
}

function sourceFiles(): string[] {
  return readdirSync(`${root}packages`).flatMap(name =>
    readdirSync(`${root}packages/${name}/src`, { recursive: true, encoding: 'utf8' })
      .filter(file => file.endsWith('.ts'))
      .map(file => `packages/${name}/src/${file}`),
  )
}
