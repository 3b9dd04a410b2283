// The import arrows between our folders: the one list of them. `npm run lint` runs this file. It
// checks that biome.arrows.json enforces the list, that CONTRIBUTING.md shows it, and that every
// folder is on it. With --write (`npm run format`) it writes both files from the list. It runs on
// bare Node.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * The npm packages. Each may import those after its arrow, by name.
 *
 * @type {Record<string, string[]>}
 */
const PACKAGES = {
  server: ['admin-client', 'functions'],
  'admin-client': ['client'],
  client: [],
  functions: [],
}

/**
 * The folders below `src` of each package. A folder may import the folders after its arrow and
 * all that these may import. Files directly in `src` that are not named here, such as
 * `errors.ts`, import no folder, and every folder may import them. A folder below `src` that is
 * not named here belongs to the folder above it.
 *
 * @type {Record<string, Record<string, string[]>>}
 */
const FOLDERS = {
  server: {
    'index.ts': ['deploy'],
    cli: ['local', 'deploy'],
    local: [],
    'local/runtime': [],
    deploy: ['aws'],
    lambda: ['gateway', 'custom-resource', 'config.ts'],
    'custom-resource': ['registration'],
    'config.ts': [],
    gateway: ['gateway/streamable', 'gateway/sse'],
    'gateway/streamable': ['gateway/ordinary', 'session-table'],
    'gateway/sse': ['gateway/ordinary', 'session-table'],
    'gateway/ordinary': ['gateway/protocol'],
    'gateway/protocol': [
      'gateway/wire',
      'registry',
      'observe',
      'rate-limit',
      'invoker/contracts',
      'json-schema',
      'uri-template',
    ],
    'gateway/wire': ['http'],
    registration: ['registration/invoke-permission', 'json-schema', 'uri-template'],
    'registration/invoke-permission': ['registry'],
    registry: ['http', 'dynamodb'],
    'invoker/contracts': ['invoker'],
    observe: ['invoker'],
    invoker: ['http', 'aws'],
    'session-table': ['rate-limit', 'dynamodb'],
    'rate-limit': ['http'],
    dynamodb: ['aws'],
    aws: [],
    http: ['json'],
    'json-schema': [],
    'uri-template': [],
    json: [],
  },
  'admin-client': {
    cli: ['client.ts', 'command-line', 'aws', 'import'],
    'command-line': [],
    import: ['manifest', 'aws'],
    aws: [],
    'index.ts': ['client.ts'],
    'client.ts': ['plan'],
    plan: ['manifest'],
    manifest: [],
  },
  client: {
    'index.ts': ['connect.ts'],
    'connect.ts': ['sse', 'streamable'],
    'sigv4.ts': ['request'],
    bridge: ['sse', 'streamable'],
    sse: ['transport'],
    streamable: ['transport'],
    transport: ['request'],
    request: ['signing'],
    signing: ['http', 'platform'],
    platform: [],
    http: [],
  },
  functions: {},
}

const root = fileURLToPath(new URL('..', import.meta.url))
const BEGIN = '<!-- arrows: written from scripts/arrows.mjs -->\n'
const END = '<!-- /arrows -->'

main(process.argv.includes('--write'))

/** @param {boolean} write */
function main(write) {
  const problems = [...missing()]
  for (const [file, update] of /** @type {const} */ ([
    ['biome.arrows.json', rules],
    ['CONTRIBUTING.md', withPicture],
  ])) {
    const path = join(root, file)
    const text = readFileSync(path, 'utf8')
    const expected = update(text)
    if (isSame(file, text, expected)) continue
    if (write) writeFileSync(path, expected)
    else problems.push(`${file} differs from the list in scripts/arrows.mjs: run "npm run format"`)
  }
  for (const it of problems) process.stderr.write(`${it}\n`)
  process.exitCode = problems.length > 0 ? 1 : 0
}

/**
 * JSON is compared by its values, because Biome formats the file.
 *
 * @param {string} file
 * @param {string} one
 * @param {string} other
 */
function isSame(file, one, other) {
  if (!file.endsWith('.json')) return one === other
  return JSON.stringify(JSON.parse(one)) === JSON.stringify(JSON.parse(other))
}

/** Folders that are in the tree and not on the list, and the reverse. */
function* missing() {
  for (const [name, nodes] of Object.entries(FOLDERS)) {
    const src = `packages/${name}/src`
    for (const it of foldersIn(src))
      if (!(it in nodes)) yield `${src}/${it} is not in scripts/arrows.mjs: add it with its arrows`
    for (const [node, targets] of Object.entries(nodes)) {
      if (!existsSync(join(root, src, node)))
        yield `${src}/${node} is in scripts/arrows.mjs, but it does not exist`
      for (const it of targets)
        if (!(it in nodes)) yield `${node} → ${it} in scripts/arrows.mjs: ${it} is not on the list`
    }
  }
}

/** @param {string} path */
function foldersIn(path) {
  return readdirSync(join(root, path), { withFileTypes: true })
    .filter(it => it.isDirectory())
    .map(it => it.name)
}

/**
 * Everything that is reached by the arrows from `start`, without `start` itself.
 *
 * @param {Record<string, string[]>} arrows
 * @param {string} start
 */
function reachable(arrows, start) {
  const found = new Set(arrows[start] ?? [])
  for (const it of found) for (const next of arrows[it] ?? []) found.add(next)
  found.delete(start)
  return found
}

// biome.arrows.json, which biome.json extends

function rules() {
  return `${JSON.stringify({ overrides: Object.keys(PACKAGES).flatMap(overridesOf) }, null, 2)}\n`
}

/** @param {string} name */
function overridesOf(name) {
  const nodes = FOLDERS[name] ?? {}
  const src = `packages/${name}/src`
  const ofFolders = Object.keys(nodes).map(node => {
    const inner = Object.keys(nodes).filter(it => it.startsWith(`${node}/`))
    const includes = isFile(node)
      ? [`${src}/${node}`]
      : [`${src}/${node}/**`, ...inner.map(it => `!${src}/${it}/**`)]
    const allowed = [...reachable(nodes, node)]
    return override(
      includes,
      refused(nodes, node),
      `${node} may import ${allowed.join(', ') || 'no folder'}`,
    )
  })
  const named = Object.keys(nodes).filter(isFile)
  const others = override(
    [`${src}/*.ts`, ...named.map(it => `!${src}/${it}`)],
    Object.keys(nodes).map(it => (isFile(it) ? `./${it}` : `./${it}/**`)),
    `files directly in ${src} may import no folder`,
  )
  return [...ofFolders, others]

  /**
   * @param {string[]} includes
   * @param {string[]} group
   * @param {string} message
   */
  function override(includes, group, message) {
    const patterns = [
      { group, message: `By scripts/arrows.mjs ${message}.` },
      { group: refusedPackages(name), message: `By scripts/arrows.mjs ${packageMessage(name)}.` },
    ].filter(it => it.group.length > 0)
    const rule = { level: 'error', options: { patterns } }
    return { includes, linter: { rules: { style: { noRestrictedImports: rule } } } }
  }
}

/**
 * Patterns of the import specifiers that a folder must not have.
 *
 * @param {Record<string, string[]>} nodes
 * @param {string} node
 */
function refused(nodes, node) {
  const allowed = reachable(nodes, node)
  const denied = Object.keys(nodes).filter(it => it !== node && !allowed.has(it))
  const up = isFile(node) ? './' : '../'.repeat(node.split('/').length)
  /** @type {string[]} */
  const patterns = []
  for (const it of denied) {
    const [top = '', sub] = it.split('/')
    const isInside = node === top || node.startsWith(`${top}/`)
    const isPartlyAllowed = [...allowed].some(other => other.startsWith(`${top}/`))
    if (isFile(it)) patterns.push(`${up}${it}`)
    else if (sub && isInside) patterns.push(`**/${sub}/**`)
    else if (sub && (isPartlyAllowed || allowed.has(top))) patterns.push(`**/${top}/${sub}/**`)
    else if (sub) continue
    else if (isInside) patterns.push(`${up.slice(3)}*.ts`)
    else patterns.push(isPartlyAllowed ? `**/${top}/*.ts` : `**/${top}/**`)
  }
  return patterns
}

/** @param {string} node */
function isFile(node) {
  return node.endsWith('.ts')
}

/**
 * Packages after the arrow are imported by name. The other names are refused, and every path into
 * the sources of another package.
 *
 * @param {string} name
 */
function refusedPackages(name) {
  const allowed = reachable(PACKAGES, name)
  const denied = Object.keys(PACKAGES).filter(it => it !== name && !allowed.has(it))
  return ['**/src/**', ...denied.flatMap(it => [npmName(it), `${npmName(it)}/**`])]
}

/** @param {string} name */
function packageMessage(name) {
  const allowed = [...reachable(PACKAGES, name)]
  return `packages/${name} may import ${allowed.length > 0 ? `${new Intl.ListFormat('en').format(allowed)}, by name` : 'no other package'}`
}

/** @param {string} name */
function npmName(name) {
  return name === 'server' ? '@markvp/mcp-lambda-sam' : `@markvp/mcp-lambda-sam-${name}`
}

// CONTRIBUTING.md

/** @param {string} text */
function withPicture(text) {
  const [before, rest] = text.split(BEGIN)
  const after = rest?.split(END)[1]
  if (after === undefined) throw new Error(`CONTRIBUTING.md has no ${BEGIN.trim()} … ${END}`)
  return `${before}${BEGIN}${picture()}${END}${after}`
}

function picture() {
  const packages = Object.entries(PACKAGES).filter(([, targets]) => targets.length > 0)
  const lines = ['packages', ...packages.map(([name, targets]) => arrow(name, targets))]
  for (const [name, nodes] of Object.entries(FOLDERS)) {
    if (Object.keys(nodes).length === 0) continue
    lines.push('', `packages/${name}/src`)
    for (const [node, targets] of Object.entries(nodes)) {
      lines.push(arrow(labelOf(name, node), targets))
    }
  }
  return `\`\`\`\n${lines.join('\n')}\n\`\`\`\n`
}

/**
 * @param {string} label
 * @param {string[]} targets
 */
function arrow(label, targets) {
  const right = targets.length > 0 ? `→ ${targets.join(' · ')}` : ''
  return `  ${label.padEnd(32)}${right}`.trimEnd()
}

/**
 * The folder, and the folders in it that have no arrows of their own.
 *
 * @param {string} name
 * @param {string} node
 */
function labelOf(name, node) {
  if (isFile(node)) return node
  const own = foldersIn(`packages/${name}/src/${node}`)
  const inner = own.filter(it => !(`${node}/${it}` in (FOLDERS[name] ?? {})))
  return inner.length > 0 ? `${node} (${inner.join(', ')})` : node
}
