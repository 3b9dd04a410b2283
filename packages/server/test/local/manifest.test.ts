import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'

import { readManifest } from '../../src/local/manifest.ts'
import { temporaryFolder } from './fixture.ts'

test('a manifest that is a module runs once, and again when it has changed', async () => {
  const file = join(await temporaryFolder(), 'mcp.mjs')
  const runs: string[] = []
  Object.assign(globalThis, { onManifest: (description: string) => runs.push(description) })
  const write = (description: string) =>
    writeFile(
      file,
      `export default () => {
        globalThis.onManifest('${description}')
        return {
          functions: { weather: { file: 'weather.mjs' } },
          tools: { weather: { function: 'weather', description: '${description}' } },
        }
      }`,
    )
  await write('old')
  const manifest = readManifest(file, { timeout: 3, log: () => {} })
  await manifest.configuration()
  expect(await manifest.registrations()).toMatchObject([{ description: 'old' }])
  await write('newer')
  expect(await manifest.registrations()).toMatchObject([{ description: 'newer' }])
  expect(await manifest.registrations()).toMatchObject([{ description: 'newer' }])
  expect(runs).toEqual(['old', 'newer'])
})
