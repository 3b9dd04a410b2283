import { readFile } from 'node:fs/promises'
import { dirname, extname, join } from 'node:path'
import { type AnyNode, type Expression, type Pattern, type Program, parse } from 'acorn'
import { type Loader, transform } from 'esbuild'

import { firstFile } from './first-file.ts'

/**
 * Whether a file exports a member `handler`, as far as its text tells, and the files that tell it.
 * No file runs. Knows the exports of ES modules and the assignments of CommonJS, and follows both
 * into the files that they export again. Rejects with the place of a syntax error.
 */
export async function exportsHandler(
  file: string,
): Promise<{ isHandler: boolean; files: string[] }> {
  const files = new Set<string>()
  const isHandler = await exportsMember(file, 'handler', 0, files)
  return { isHandler, files: [...files] }
}

/** Files that export one another again, also in a circle. */
const MAX_DEPTH = 8

/** Adds to `files` those that are read, and those that may be added later. */
async function exportsMember(
  file: string,
  name: string,
  depth: number,
  files: Set<string>,
): Promise<boolean> {
  files.add(file)
  const program = await parseFile(file)
  const found = exportsOf(program)
  if (found.names.has(name)) return true
  if (depth === MAX_DEPTH) return false
  for (const path of found.from) {
    const candidates = candidatesOf(dirname(file), path)
    const next = firstFile(candidates)
    if (!next) for (const it of candidates) files.add(it)
    // A file that is missing or broken is reported where the function is loaded.
    else if (await exportsMember(next, name, depth + 1, files).catch(() => false)) return true
  }
  return false
}

async function parseFile(file: string): Promise<Program> {
  const { code } = await transform(await readFile(file, 'utf8'), {
    sourcefile: file,
    loader: LOADERS[extname(file)] ?? 'js',
    target: 'es2022',
    logLevel: 'silent',
  })
  const options = { ecmaVersion: 2022, allowHashBang: true, allowReturnOutsideFunction: true }
  try {
    return parse(code, { ...options, ecmaVersion: 2022, sourceType: 'module' })
  } catch {
    // CommonJS that is not strict, for example with `with`.
    return parse(code, { ...options, ecmaVersion: 2022, sourceType: 'script' })
  }
}

const LOADERS: Record<string, Loader> = { '.ts': 'ts', '.mts': 'ts', '.cts': 'ts' }

/** Where a path may lead. */
function candidatesOf(folder: string, path: string): string[] {
  if (!/^\.\.?\//.test(path)) return []
  // TypeScript names the file that the compiler would write.
  const bare = path.replace(/\.[cm]?js$/, '')
  const ends = ['.js', '.mjs', '.cjs', '.ts', '.mts', '/index.js', '/index.ts']
  return [path, ...ends.map(end => bare + end)].map(name => join(folder, name))
}

interface Exports {
  names: Set<string>
  /** The paths of modules whose exports are all exported again. */
  from: string[]
}

function exportsOf(program: Program): Exports {
  const names = new Set<string>()
  const from: string[] = []
  const constants = new Map<string, Expression>()

  for (const node of program.body) {
    if (node.type === 'VariableDeclaration')
      for (const { id, init } of node.declarations)
        if (id.type === 'Identifier' && init) constants.set(id.name, init)
    if (node.type === 'ExportNamedDeclaration') {
      for (const { exported } of node.specifiers) names.add(nameOf(exported))
      if (node.declaration) for (const name of declaredNames(node.declaration)) names.add(name)
    }
    if (node.type === 'ExportAllDeclaration') {
      if (node.exported) names.add(nameOf(node.exported))
      else from.push(String(node.source.value))
    }
  }
  // The runtime also looks into an object that is the default export.
  for (const node of program.body)
    if (node.type === 'ExportDefaultDeclaration') addMembers(node.declaration)
  visit(program, node => {
    if (node.type === 'AssignmentExpression') addAssignment(node.left, node.right)
    if (node.type === 'CallExpression') addDefinition(node)
  })
  return { names, from }

  /** The members of an object, which may have a name. */
  function addMembers(value: AnyNode, depth = 0) {
    if (value.type === 'Identifier' && depth < MAX_DEPTH) {
      const constant = constants.get(value.name)
      if (constant) addMembers(constant, depth + 1)
    }
    if (value.type === 'AssignmentExpression') addMembers(value.right, depth + 1)
    if (value.type === 'ObjectExpression')
      for (const property of value.properties) {
        if (property.type === 'Property' && !property.computed) names.add(nameOf(property.key))
        if (property.type === 'SpreadElement') addMembers(property.argument, depth + 1)
      }
    const path = requiredPath(value)
    if (path !== undefined) from.push(path)
  }

  /** `exports.a = …`, `module.exports.a = …`, `module.exports = …` */
  function addAssignment(left: Pattern, right: Expression) {
    if (isModuleExports(left)) return addMembers(right)
    if (left.type !== 'MemberExpression') return
    if (isIdentifier(left.object, 'exports') || isModuleExports(left.object))
      names.add(nameOf(left.property))
  }

  /** `Object.defineProperty(exports, 'a', …)` and `__exportStar(require('./a'), exports)` */
  function addDefinition({
    callee,
    arguments: args,
  }: Extract<AnyNode, { type: 'CallExpression' }>) {
    const [first, second] = args
    if (!first || !second) return
    const isDefinition =
      callee.type === 'MemberExpression' && nameOf(callee.property) === 'defineProperty'
    const isTarget = (node: AnyNode) => isIdentifier(node, 'exports') || isModuleExports(node)
    if (isDefinition && isTarget(first)) names.add(nameOf(second))
    const path = requiredPath(first)
    if (path !== undefined && isTarget(second)) from.push(path)
  }
}

function declaredNames(declaration: Extract<AnyNode, { type: `${string}Declaration` }>): string[] {
  if (declaration.type === 'VariableDeclaration')
    return declaration.declarations.flatMap(({ id }) => patternNames(id))
  return 'id' in declaration && declaration.id ? [declaration.id.name] : []
}

function patternNames(pattern: Pattern): string[] {
  if (pattern.type === 'Identifier') return [pattern.name]
  if (pattern.type === 'ObjectPattern')
    return pattern.properties.flatMap(it =>
      patternNames(it.type === 'RestElement' ? it.argument : it.value),
    )
  if (pattern.type === 'ArrayPattern')
    return pattern.elements.flatMap(it => (it ? patternNames(it) : []))
  return pattern.type === 'AssignmentPattern' ? patternNames(pattern.left) : []
}

const isIdentifier = (node: AnyNode, name: string) =>
  node.type === 'Identifier' && node.name === name

const isModuleExports = (node: AnyNode) =>
  node.type === 'MemberExpression' &&
  isIdentifier(node.object, 'module') &&
  nameOf(node.property) === 'exports'

/** The path of `require('path')`. */
function requiredPath(node: AnyNode): string | undefined {
  if (node.type !== 'CallExpression' || !isIdentifier(node.callee, 'require')) return undefined
  const [path] = node.arguments
  return path?.type === 'Literal' && typeof path.value === 'string' ? path.value : undefined
}

function nameOf(node: AnyNode): string {
  if (node.type === 'Identifier') return node.name
  return node.type === 'Literal' ? String(node.value) : ''
}

function visit(node: AnyNode, onNode: (node: AnyNode) => void) {
  onNode(node)
  for (const value of Object.values(node))
    for (const child of Array.isArray(value) ? value : [value])
      if (isNode(child)) visit(child, onNode)
}

const isNode = (value: unknown): value is AnyNode =>
  typeof value === 'object' && value !== null && typeof (value as AnyNode).type === 'string'
