import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

import { root } from './markdown.ts'

const sources = readdirSync(join(root, 'packages')).flatMap(name =>
  readdirSync(join(root, 'packages', name, 'src'), { recursive: true, encoding: 'utf8' })
    .filter(path => /\.ts$/.test(path))
    .map(path => join('packages', name, 'src', path)),
)

const COMMENT = /^\s*(\/\/|\*|\/\*)/
/** A line that holds only an address cannot be broken. */
const ADDRESS = /^\s*(\/\*\*|\*|\/\/) https:\/\/\S+( \*\/)?$/

test('no comment of a package is longer than 100 columns', () => {
  const long = sources.flatMap(path =>
    readFileSync(join(root, path), 'utf8')
      .split('\n')
      .map((line, index) => ({ line, place: `${path}:${index + 1}` }))
      .filter(({ line }) => line.length > 100 && COMMENT.test(line) && !ADDRESS.test(line))
      .map(({ place }) => place),
  )
  expect(sources.length).toBeGreaterThan(100)
  expect(long).toEqual([])
})
