// The licences of the packages that a build bundles.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/**
 * An esbuild plugin that writes the licences of all bundled packages to `file`. Give the same
 * plugin to all builds of a package: the last one to end writes the whole list.
 *
 * @param {string} file
 * @returns {import('esbuild').Plugin}
 */
export function thirdParty(file) {
  /** @type {Map<string, Set<string>>} the packages, by the text of their licence */
  const packages = new Map()
  return {
    name: 'third-party',
    setup(build) {
      build.initialOptions.metafile = true
      build.onEnd(({ metafile }) => {
        // A package of which only types or constants are used leaves no code.
        for (const { inputs } of Object.values(metafile?.outputs ?? {}))
          for (const [path, { bytesInOutput }] of Object.entries(inputs))
            if (bytesInOutput > 0) add(path)
        if (packages.size === 0) return
        // The builds of a package run at the same time: the folder may not exist yet.
        mkdirSync(dirname(file), { recursive: true })
        const sections = [...packages].map(
          ([licence, names]) => `${LINE}\n${[...names].sort().join('\n')}\n\n${licence}\n`,
        )
        writeFileSync(file, [INTRODUCTION, ...sections.sort()].join('\n'))
      })
    },
  }

  /** @param {string} path of a source file */
  function add(path) {
    const folder = packageFolder(path)
    if (!folder) return
    const { name, version, license } = JSON.parse(
      readFileSync(join(folder, 'package.json'), 'utf8'),
    )
    const licence = licenceOf(folder, license)
    const names = packages.get(licence) ?? new Set()
    packages.set(licence, names.add(`${name} ${version}`))
  }
}

const LINE = '-'.repeat(80)
const INTRODUCTION = `This package contains code of the packages below, under their licences.
`

/**
 * The folder of the package that a file belongs to. Undefined for our own files.
 *
 * @param {string} path
 */
function packageFolder(path) {
  return /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path.replaceAll('\\', '/'))?.[0]
}

/**
 * The text of the licence, and the notice that it may require to be passed on.
 *
 * @param {string} folder
 * @param {string} name of the licence, as SPDX has it
 */
function licenceOf(folder, name) {
  const texts = readdirSync(folder)
    .filter(it => /^(licen[cs]e|notice|copying)/i.test(it))
    .sort()
    .map(it => readFileSync(join(folder, it), 'utf8').trim())
  if (texts.length === 0 && !name) throw new Error(`${folder} has no licence`)
  return texts.length > 0 ? texts.join('\n\n') : `Licence: ${name}`
}
