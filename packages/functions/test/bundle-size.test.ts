import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { expect, test } from 'vitest'

test('adds less than 20 KB to a function, and no import', async () => {
  const { outputFiles, metafile } = await build({
    entryPoints: [fileURLToPath(new URL('../src/index.ts', import.meta.url))],
    bundle: true,
    write: false,
    minify: true,
    format: 'esm',
    platform: 'neutral',
    target: 'node20',
    // A package that it imports would have to be in the function's folder as well.
    packages: 'external',
    metafile: true,
  })
  expect(outputFiles[0]?.contents.length).toBeLessThan(20_000)
  expect(Object.values(metafile.outputs).flatMap(it => it.imports)).toEqual([])
  const own = /packages\/functions\/src\/[\w-]+\.ts$/
  expect(Object.keys(metafile.inputs).filter(it => !own.test(it))).toEqual([])
})
