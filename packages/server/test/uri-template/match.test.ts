import { describe, expect, test } from 'vitest'

import { createFilter } from '../../src/uri-template/filter.ts'
import { MAX_URI_LENGTH, uriMatcher } from '../../src/uri-template/match.ts'
import { type Part, parseUriTemplate } from '../../src/uri-template/parse.ts'
import { compile, run } from '../../src/uri-template/program.ts'

const match = (template: string, uri: string) => uriMatcher(template)?.(uri)

describe('a template matches what it expands to', () => {
  test.each([
    ['notes://{id}', 'notes://42', { id: '42' }],
    ['notes://{id}', 'notes://a%2Fb%20c', { id: 'a/b c' }],
    ['notes://{id}', 'notes://a b', { id: 'a b' }],
    ['notes://{id}', 'notes://100%', { id: '100%' }],
    ['notes://{id}', 'notes://ü', { id: 'ü' }],
    ['notes://über/{id}', 'notes://%C3%BCber/1', { id: '1' }],
    ['notes://{id}', 'notes://a:b@c?d', { id: 'a:b@c?d' }],
    [
      'notes://{year}-{month}-{day}',
      'notes://2024-01-02',
      { year: '2024', month: '01', day: '02' },
    ],
    ['m://{x,y}', 'm://1,2', { x: '1', y: '2' }],
    ['m://{x,y}', 'm://1', { x: '1' }],
    ['m://{x*}', 'm://1,2,3', { x: ['1', '2', '3'] }],
    ['file:///{+path}', 'file:///a/b/c.txt', { path: 'a/b/c.txt' }],
    ['file:///{+path}/end', 'file:///a/b/end', { path: 'a/b' }],
    ['api://root{/a,b}', 'api://root/1/2', { a: '1', b: '2' }],
    ['api://root{/a,b}', 'api://root/1', { a: '1' }],
    ['api://root{/a,b}', 'api://root', {}],
    ['api://root{/path*}', 'api://root/1/2/3', { path: ['1', '2', '3'] }],
    ['api://root{/path*}/tail', 'api://root/1/2/tail', { path: ['1', '2'] }],
    ['api://root{/path*}', 'api://root', {}],
    ['s://q{?a,b}', 's://q', {}],
    ['s://q{?a,b}', 's://q?a=1&b=2', { a: '1', b: '2' }],
    ['s://q{?a,b}', 's://q?b=2&a=1', { a: '1', b: '2' }],
    ['s://q{?a,b}', 's://q?b=2', { b: '2' }],
    ['s://q{?a,b}', 's://q?a=&b=x%26y', { a: '', b: 'x&y' }],
    ['s://q{?a*}', 's://q?a=1&a=2', { a: ['1', '2'] }],
    ['s://q?x=1{&a,b}', 's://q?x=1&b=2', { b: '2' }],
    ['s://q?x={x}{&a}', 's://q?x=7&a=1', { x: '7', a: '1' }],
    ['s://{host}{?a}{&b}', 's://h?b=2&a=1', { host: 'h', a: '1', b: '2' }],
    ['s://{+path}{?a}', 's://x/y?a=1', { path: 'x/y', a: '1' }],
    ['s://q{?a}{#part}', 's://q?a=1#top', { a: '1', part: 'top' }],
    ['s://q{?a}#end', 's://q?a=1#end', { a: '1' }],
    ['s://file{.type}', 's://file.tar', { type: 'tar' }],
    ['s://file{.type}', 's://file', {}],
    ['s://file{.type}', 's://file.', { type: '' }],
    ['s://file{.a,b}', 's://file.1.', { a: '1', b: '' }],
    ['s://m{;x,y}', 's://m;y=2;x=1', { x: '1', y: '2' }],
    ['s://m{;x}', 's://m;x', { x: '' }],
    ['s://doc{#part}', 's://doc#a/b', { part: 'a/b' }],
    ['s://doc{#part}', 's://doc#', { part: '' }],
    ['s://doc{/part}', 's://doc/', { part: '' }],
    ['s://{constructor}/{__proto__}', 's://1/2', JSON.parse('{"constructor":"1","__proto__":"2"}')],
  ])('%s: %s', (template, uri, variables) => {
    expect(Object.entries(match(template, uri) ?? { none: '' }).sort()).toEqual(
      Object.entries(variables).sort(),
    )
  })
})

describe('a template does not match', () => {
  test.each([
    ['notes://{id}', 'notes://'],
    ['notes://{id}', 'notes://a/b'],
    ['notes://{id}', 'Notes://a'],
    ['notes://{id}/x', 'notes://a'],
    ['file:///{+path}', 'file:///'],
    ['api://root{/a,b}', 'api://root/1/2/3'],
    ['s://q{?a}', 's://q?'],
    ['s://q{?a}', 's://q?b=1'],
    ['s://q{?a}', 's://q?a=1&a=2'],
    ['s://q{?a}', 's://q?a'],
    ['s://q{?a}', 's://q?a=1&'],
    ['s://m{;x}', 's://m;z=1'],
    ['notes://{id}', 'notes://\ud800'],
    ['notes://{id}', `notes://${'a'.repeat(MAX_URI_LENGTH)}`],
  ])('%s: %s', (template, uri) => {
    expect(match(template, uri)).toBeUndefined()
  })
})

describe('a template is refused with the reason', () => {
  test.each([
    ['notes://{id', 'has a brace without its counterpart'],
    ['notes://id}', 'has a brace without its counterpart'],
    ['notes://{}', 'has "{}", where variable names are expected'],
    ['notes://{a b}', 'has "{a b}", where variable names are expected'],
    ['notes://{=a}', 'has the operator "=", which RFC 6570 reserves'],
    ['notes://{a:3}', 'has the prefix modifier ":3": leave it out'],
    ['notes://{a}{a}', 'names the variable "a" twice'],
    ['notes://{a*,b}', 'has an exploded variable before others in "{a*,b}": put it last'],
    ['notes://x', 'has no variable: register it as "uri"'],
    ['notes://x{?a}/y', 'has more than a fragment behind "{?…}" or "{&…}"'],
    ['notes://x{#f}{?a}', 'has "{?…}" or "{&…}" behind a fragment'],
    ['notes://x{?a}{?b}', 'begins the query twice'],
    ['notes://x?y=1{?a}', 'has "{?…}" behind a "?": write "{&…}"'],
    ['notes://x{&a}', 'has "{&…}" without a query before it: write "{?…}"'],
    [`notes://${'x'.repeat(2_100)}{a}`, 'is longer than 2048 characters'],
    [
      `notes://${Array.from({ length: 51 }, (_, n) => `{v${n}}`).join('-')}`,
      'has more than 50 variables',
    ],
  ])('%s', (template, reason) => {
    expect(parseUriTemplate(template)).toBe(reason)
    expect(uriMatcher(template)).toBeUndefined()
  })
})

test('a text matches the filter of a program where the program finds its expressions', () => {
  const templates = [
    'x{/a,b}',
    'x{/a*}/b',
    'a{b}-{c}b',
    'a{.b}{;c}',
    'x{?a,b}{#c}',
    'x?{a}{&b*}',
    '{+a}/b{c}',
  ]
  // The same texts in each run: a small generator of random numbers.
  let seed = 1
  const random = (below: number) => {
    seed = (seed * 48_271) % 2_147_483_647
    return seed % below
  }
  for (const template of templates) {
    const program = compile(parseUriTemplate(`s:${template}`) as Part[])
    const matches = createFilter(program)
    for (let times = 0; times < 2_000; times++) {
      const rest = Array.from({ length: random(9) }, () => 'ab/-.;?&#=,x'[random(12)]).join('')
      const text = `s:x${rest}`
      if (matches(text) !== (run(program, text) !== undefined))
        expect.fail(`${text} and ${template}`)
    }
  }
})

test('takes a number of steps that is linear in the length of the URI', () => {
  const matcher = uriMatcher('notes://{year}-{month}-{day}')
  // A regular expression with backtracking takes cubic time here, hours in all.
  for (let times = 0; times < 20; times++)
    for (const [end, isMatch] of [
      ['/', false],
      ['', true],
    ] as const)
      expect(matcher?.(`notes://${'-'.repeat(MAX_URI_LENGTH - 10)}${end}`) !== undefined).toBe(
        isMatch,
      )
})
