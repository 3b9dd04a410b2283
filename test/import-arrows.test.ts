import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
let copy: string

beforeEach(() => {
  copy = mkdtempSync(join(tmpdir(), 'mcp-lambda-sam-arrows-'))
  const config = ['biome.json', 'biome.arrows.json', '.gitignore', 'CONTRIBUTING.md']
  for (const it of [...config, 'scripts/arrows.mjs']) cpSync(join(root, it), join(copy, it))
})

afterEach(() => rmSync(copy, { recursive: true, force: true }))

describe('lint refuses an import against the arrows', () => {
  const wrong: [file: string, specifier: string][] = [
    ['packages/server/src/gateway/gateway.ts', '../lambda/mcp.ts'],
    ['packages/server/src/gateway/protocol/server.ts', '../../lambda/wiring.ts'],
    ['packages/server/src/gateway/protocol/tools.ts', '../gateway.ts'],
    ['packages/server/src/gateway/protocol/prompts.ts', '../sse/endpoints.ts'],
    ['packages/server/src/gateway/streamable/endpoint.ts', '../sse/stream.ts'],
    ['packages/server/src/gateway/sse/endpoints.ts', '../streamable/sessions.ts'],
    ['packages/server/src/registry/registry.ts', '../gateway/gateway.ts'],
    ['packages/server/src/registry/dynamo.ts', '../config.ts'],
    ['packages/server/src/registration/api.ts', '../gateway/protocol/access.ts'],
    ['packages/server/src/local/stack.ts', '../lambda/mcp.ts'],
    ['packages/server/src/local/runtime/bootstrap.ts', '../log.ts'],
    ['packages/server/src/deploy/deploy.ts', '../local/index.ts'],
    ['packages/server/src/http/errors.ts', '../registry/registry.ts'],
    ['packages/server/src/is-record.ts', './http/errors.ts'],
    ['packages/server/src/cli/main.ts', '../../../client/src/index.ts'],
    ['packages/admin-client/src/client.ts', '@markvp/mcp-lambda-sam'],
    ['packages/admin-client/src/path.ts', '@markvp/mcp-lambda-sam/local'],
    ['packages/client/src/connect.ts', '@markvp/mcp-lambda-sam'],
    ['packages/client/src/errors.ts', '@markvp/mcp-lambda-sam-admin-client'],
    ['packages/functions/src/tool.ts', '@markvp/mcp-lambda-sam-admin-client/api-schema'],
    ['packages/admin-client/src/id.ts', '@markvp/mcp-lambda-sam-functions'],
    ['packages/client/src/index.ts', '../../server/src/index.ts'],
    ['packages/client/src/http/bodies.ts', '../request/send.ts'],
    ['packages/client/src/sse/transport.ts', '../streamable/transport.ts'],
  ]
  const right: [file: string, specifier: string][] = [
    ['packages/server/src/lambda/mcp.ts', '../gateway/protocol/server.ts'],
    ['packages/server/src/gateway/sse/stream.ts', '../../registry/registry.ts'],
    ['packages/server/src/registry/row.ts', '../http/errors.ts'],
    ['packages/server/src/local/api/lambda.ts', '../sigv4/verify.ts'],
    ['packages/server/src/deploy/doctor.ts', '@markvp/mcp-lambda-sam-client/sigv4'],
    ['packages/server/src/cli/describe.ts', '@markvp/mcp-lambda-sam-functions'],
    ['packages/admin-client/src/request.ts', '@markvp/mcp-lambda-sam-client/sigv4'],
    ['packages/client/src/streamable/transport.ts', '../signing/signed-fetch.ts'],
  ]

  test('in every folder, by a path and by a package name, and no other import', () => {
    for (const [file, specifier] of [...wrong, ...right]) write(file, `import '${specifier}'\n`)
    expect(restrictedImports()).toEqual(wrong.map(([file]) => file).sort())
  })

  test.each([
    ["export * from '../lambda/mcp.ts'"],
    ["import type { Handler } from '../lambda/mcp.ts'\nexport type Own = Handler"],
    ["await import('../lambda/mcp.ts')"],
  ])('in the form %j', code => {
    write('packages/server/src/gateway/gateway.ts', `${code}\n`)
    expect(restrictedImports()).toEqual(['packages/server/src/gateway/gateway.ts'])
  })
})

describe('scripts/arrows.mjs', () => {
  beforeEach(() => {
    for (const name of readdirSync(join(root, 'packages')))
      cpSync(join(root, 'packages', name, 'src'), join(copy, 'packages', name, 'src'), {
        recursive: true,
      })
  })

  test('accepts the repository as it is', () => {
    expect(arrows()).toEqual({ status: 0, stderr: '' })
  })

  test('refuses a folder without arrows', () => {
    write('packages/server/src/helpers/helpers.ts', 'export {}\n')
    const { status, stderr } = arrows()
    expect(status).toBe(1)
    expect(stderr).toContain('packages/server/src/helpers is not in scripts/arrows.mjs')
  })

  test('refuses a picture in CONTRIBUTING.md and lint rules that differ from the list', () => {
    write('CONTRIBUTING.md', '<!-- arrows: written from scripts/arrows.mjs -->\n<!-- /arrows -->\n')
    write('biome.arrows.json', '{ "overrides": [] }\n')
    const { status, stderr } = arrows()
    expect(status).toBe(1)
    expect(stderr).toContain('CONTRIBUTING.md differs')
    expect(stderr).toContain('biome.arrows.json differs')
  })
})

function write(file: string, content: string) {
  mkdirSync(join(copy, dirname(file)), { recursive: true })
  writeFileSync(join(copy, file), content)
}

/** The files in which Biome finds an import that the arrows do not allow. */
function restrictedImports() {
  const biome = join(root, 'node_modules/@biomejs/biome/bin/biome')
  const args = ['lint', '--only=style/noRestrictedImports', '--max-diagnostics=none', 'packages']
  const { stdout, stderr } = spawnSync(process.execPath, [biome, ...args], {
    cwd: copy,
    encoding: 'utf8',
  })
  const found = `${stdout}${stderr}`.matchAll(/^(\S+?):\d+:\d+ lint\/style\/noRestrictedImports/gm)
  return [...found].map(([, file]) => file?.replaceAll('\\', '/')).sort()
}

function arrows() {
  const { status, stderr } = spawnSync(process.execPath, ['scripts/arrows.mjs'], {
    cwd: copy,
    encoding: 'utf8',
  })
  return { status, stderr }
}
