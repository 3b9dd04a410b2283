import { readdirSync, readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { connect } from '@markvp/mcp-lambda-sam-client'
import { Client } from '@modelcontextprotocol/client'
import { expect, test } from 'vitest'

import { functionArn, startGateway } from '../support/gateway.ts'
import { type Block, pages, readPage, root } from './markdown.ts'
import { start } from './process.ts'
import { newFolder } from './typescript.ts'

/** What the comment above a shell block can say: how the block is tested. */
const CLASSES = {
  /** Not run: it needs an AWS account. */
  'needs-aws': /^needs-aws$/,
  /** Installs packages of this workspace; the packaging check installs their tarballs. */
  install: /^install$/,
  /** CI runs its scripts. */
  ci: /^ci$/,
  /** `signed-requests.test.ts` sends its requests to a gateway on this machine. */
  gateway: /^gateway$/,
  /** "npm run connect" runs it. */
  connect: /^connect: /,
  /** A test below runs it. */
  run: /^run: (.+)$/,
}

const shellBlocks = pages().flatMap(page =>
  page.blocks.filter(({ language }) => ['sh', 'bash', 'shell', 'console', ''].includes(language)),
)
const ofClass = (name: keyof typeof CLASSES) =>
  shellBlocks.filter(({ comment = '' }) => CLASSES[name].test(comment))

test('every shell block says how it is tested', () => {
  const unmarked = shellBlocks
    .filter(({ comment = '' }) => !Object.values(CLASSES).some(it => it.test(comment)))
    .map(({ place }) => place)
  expect(unmarked).toEqual([])
})

test('the packages that a page installs are ours, or are tested with ours', () => {
  const known = ['.', ...readdirSync(`${root}packages`).map(name => `packages/${name}`)]
    .map(folder => JSON.parse(readFileSync(`${root}${folder}/package.json`, 'utf8')))
    .flatMap(({ name, dependencies, devDependencies }) => [
      name,
      ...Object.keys({ ...dependencies, ...devDependencies }),
    ])
  for (const { place, code } of ofClass('install')) {
    const [, names = ''] = /^npm install (.+)\n$/.exec(code) ?? []
    expect(names, place).not.toBe('')
    for (const name of names.split(' ')) expect(known, place).toContain(name)
  }
})

test('CI runs the scripts that newcomers are told to run', () => {
  const ci = readFileSync(`${root}.ci/run`, 'utf8')
  for (const { place, code } of ofClass('ci'))
    for (const line of code.trim().split('\n')) {
      const [, script = ''] = /^npm (?:run )?(\w+)/.exec(line) ?? []
      expect(ci, `${place}: ${line}`).toMatch(new RegExp(`npm (run )?(--silent )?${script}\\b`))
    }
})

test('every block that a test runs has its test', () => {
  const subjects = ofClass('run').map(({ comment = '' }) => CLASSES.run.exec(comment)?.[1])
  expect(new Set(subjects)).toEqual(
    new Set([
      'asks a local gateway in a terminal',
      'describes forecast.ts',
      'runs a local gateway',
    ]),
  )
})

test('the local gateway of the pages runs the function of the page', async () => {
  const folder = await folderOf('docs/function-authors.md')
  for (const code of commands('runs a local gateway')) {
    const gateway = start(shell(`${code} --port 0 --registration-port 0 --json`), {
      cwd: folder,
    })
    await gateway.shows(/^\{.*\}$/m)
    const [line = '{}'] = /^\{.*\}$/m.exec(gateway.output()) ?? []
    const { mcpUrl, region, accessKeyId, secretAccessKey } = JSON.parse(line)
    const credentials = { accessKeyId, secretAccessKey }
    const client = new Client({ name: 'docs', version: '1.0.0' })
    await connect(client, mcpUrl, { region, credentials })
    const result = await client.callTool({ name: 'weather', arguments: { city: 'Utrecht' } })
    expect(result.structuredContent).toEqual({ city: 'Utrecht', temperature: 21, unit: 'C' })
    await client.close()
    gateway.stop('SIGINT')
    expect(await gateway.end()).toBe(130)
  }
})

test('the terminal lists what a local gateway offers', async () => {
  const { admin, mcpUrl, close } = await startGateway()
  await admin.registerTool({ name: 'echo', lambdaArn: functionArn('echo'), parameters: {} })
  for (const code of commands('asks a local gateway in a terminal')) {
    const [, , line = ''] = shell(code.replace('http://127.0.0.1:9000/', mcpUrl))
    const command = start(['sh', '-c', line], { cwd: root })
    expect(await command.end(), command.output()).toBe(0)
    expect(command.output()).toContain('Tools (1)\n  echo')
  }
  await close()
})

test('describe prints a registration that the API accepts', async () => {
  const { admin, close } = await startGateway()
  const folder = await folderOf('docs/function-authors.md')
  for (const code of commands('describes forecast.ts')) {
    const command = start(shell(code), { cwd: folder })
    expect(await command.end(), command.output()).toBe(0)
    const registration = JSON.parse(command.output())
    expect(await admin.registerTool(registration)).toMatchObject({ id: 'tool-forecast' })
  }
  await close()
})

/** The distinct commands of the pages that are run in this way. */
function commands(subject: string): Set<string> {
  const blocks = ofClass('run').filter(({ comment }) => comment === `run: ${subject}`)
  return new Set(blocks.map(({ code }) => code.trim()))
}

/** A folder with the blocks of a page that name their file in the first line. */
async function folderOf(path: string): Promise<string> {
  const folder = await newFolder('shell')
  for (const { code } of readPage(path).blocks) {
    const [, name] = /^\/\/ (\S+\.(?:mjs|ts))\n/.exec(code) ?? []
    if (!name) continue
    await mkdir(dirname(join(folder, name)), { recursive: true })
    await writeFile(join(folder, name), code)
  }
  return folder
}

/**
 * The one command of a block, with the program of this workspace in the place of the published
 * one.
 */
function shell(code: Block['code']): string[] {
  const program = join(root, 'packages/server/bin/mcp-lambda-sam.js')
  const [command = ''] = code.split(/(?<!\\)\n/).map(line => line.replace(/ {2,}#.*/, ''))
  const bridge = join(root, 'packages/client/dist/bridge/connect.js')
  const local = command
    .replace(/^npx (?:@markvp\/)?mcp-lambda-sam /, `exec "${process.execPath}" "${program}" `)
    .replace(/^npx -y @markvp\/mcp-lambda-sam-client /, `exec "${process.execPath}" "${bridge}" `)
  return ['sh', '-c', local]
}
