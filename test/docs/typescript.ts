import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

import { type Block, root } from './markdown.ts'

/** The name of a block's file: `docs-access-12.ts`. */
export const fileOf = ({ place }: Block) => `${place.replace(/\.md:/, '-').replaceAll('/', '-')}.ts`

/**
 * Writes each block to a file of its own, in a folder inside the repository, so that the packages
 * of the workspace resolve as they do for a user. The comment `context: …` above a block comes
 * first.
 */
export async function writeBlocks(blocks: Block[]): Promise<string> {
  const folder = await newFolder('typescript')
  for (const block of blocks) {
    const { comment = '', code } = block
    const context = comment.startsWith('context:') ? `${comment.slice('context:'.length)}\n` : ''
    await writeFile(join(folder, fileOf(block)), `${context}${code}export {}\n`)
  }
  const tsconfig = {
    compilerOptions: {
      strict: true,
      noEmit: true,
      target: 'ES2023',
      lib: ['ES2023', 'DOM', 'DOM.Iterable', 'DOM.AsyncIterable'],
      module: 'NodeNext',
      moduleResolution: 'NodeNext',
      skipLibCheck: true,
      types: ['node'],
    },
    include: ['*.ts'],
  }
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(tsconfig))
  return folder
}

/**
 * An empty folder under `.cache/docs`, from which the packages that the pages import can be
 * resolved. It is deleted when the test ends.
 */
export async function newFolder(name: string): Promise<string> {
  const parent = join(root, '.cache/docs')
  await mkdir(parent, { recursive: true })
  const folder = await mkdtemp(join(parent, `${name}-`))
  onTestFinished(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
  await mkdir(join(folder, 'node_modules'))
  for (const [from, name] of BORROWED) {
    const require = createRequire(createRequire(import.meta.url).resolve(from))
    const entry = require.resolve(name)
    const home = entry.slice(0, entry.lastIndexOf(`/node_modules/${name}/`))
    await symlink(join(home, 'node_modules', name), join(folder, 'node_modules', name))
  }
  return folder
}

/** Packages that the pages name and the workspace has only as a dependency of another one. */
const BORROWED = [['@modelcontextprotocol/sdk/client/sse.js', 'eventsource']] as const
