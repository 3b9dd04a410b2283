import { dirname, extname, resolve } from 'node:path'
import type * as z from 'zod'

import type { Issue } from '../api-schema.ts'
import { CYCLE, cycleIn } from '../cycle.ts'
import { AdminError } from '../errors.ts'
import { readTextFile } from '../text-file.ts'
import { loadModule } from './load-module.ts'
import type { Manifest } from './manifest.ts'
import { manifestSchema } from './schema.ts'

/** A manifest that was read from a file. It has the right form; variables are not replaced yet. */
export interface LoadedManifest {
  manifest: Manifest
  /** Absolute. */
  path: string
  /** The folder that the paths in `functions` are relative to. Absolute. */
  folder: string
}

/**
 * Reads a manifest from a file: YAML, JSON, or a JavaScript or TypeScript module whose default
 * export is the manifest, or a function that returns it.
 *
 * Rejects with an `AdminError` with the code `invalid_manifest`, whose `issues` name each fault.
 */
export async function loadManifest(file: string): Promise<LoadedManifest> {
  const path = resolve(file)
  const { value, placeOf } = MODULE.has(extname(path))
    ? { value: await loadModule(path), placeOf: () => undefined }
    : await readDocument(path, file)
  return { manifest: parseManifest(value, file, placeOf), path, folder: dirname(path) }
}

const MODULE = new Set(['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs'])

/** `12:5` for a place in the text of the file. */
type PlaceOf = (path: PropertyKey[]) => string | undefined

/** Rejects a value that is no manifest. `name` is that of the file, for messages. */
export function parseManifest(
  value: unknown,
  name = 'the manifest',
  placeOf: PlaceOf = () => undefined,
): Manifest {
  const cycle = cycleIn(value)
  if (cycle) throw invalid(name, [{ path: pointer(cycle), message: CYCLE, at: placeOf(cycle) }])
  const result = manifestSchema.safeParse(value, { error: messageOf })
  // Not the copy that zod makes: it leaves out fields with the name `__proto__`.
  if (result.success) return value as Manifest
  const faults = result.error.issues.flatMap(toFaults)
  throw invalid(
    name,
    faults.map(({ path, message }) => ({ path: pointer(path), message, at: placeOf(path) })),
  )
}

interface Fault extends Issue {
  at?: string | undefined
}

function invalid(name: string, faults: Fault[], cause?: unknown): AdminError {
  const shown = faults.slice(0, 20).map(({ path, message, at }) => {
    const place = at ? `${name}:${at}` : name
    return `${place}: ${path ? `${path} ` : ''}${message}`
  })
  const more = faults.length - shown.length
  return new AdminError(
    'invalid_manifest',
    [...shown, ...(more > 0 ? [`and ${more} more`] : [])].join('\n'),
    { issues: faults.map(({ path, message }) => ({ path, message })), cause },
  )
}

async function readDocument(path: string, name: string) {
  const text = await readTextFile(path).catch(cause => {
    throw new AdminError('invalid_manifest', `${name} cannot be read: ${cause.message}`, { cause })
  })
  const { LineCounter, parseDocument, isNode } = await import('yaml')
  const lines = new LineCounter()
  // JSON is YAML.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true })
  const [error] = document.errors
  if (error) {
    const { line, col } = lines.linePos(error.pos[0])
    const message = error.code === 'MULTIPLE_DOCS' ? SEVERAL_DOCUMENTS : error.message
    throw invalid(name, [{ path: '', message, at: `${line}:${col}` }], error)
  }
  const placeOf: PlaceOf = keys => {
    // A missing field has the place of the object that lacks it.
    for (let length = keys.length; length > 0; length--) {
      const node = document.getIn(keys.slice(0, length), true)
      const offset = isNode(node) ? node.range?.[0] : undefined
      if (offset === undefined) continue
      const { line, col } = lines.linePos(offset)
      return `${line}:${col}`
    }
    return undefined
  }
  try {
    return { value: document.toJS({ maxAliasCount: 1000 }) as unknown, placeOf }
  } catch (cause) {
    throw invalid(name, [{ path: '', message: (cause as Error).message }], cause)
  }
}

const SEVERAL_DOCUMENTS =
  'a second document begins here: give each a file of its own, or merge them'

type ZodIssue = z.core.$ZodIssue

function messageOf({ code, input }: { code?: string; input?: unknown }): string | undefined {
  if (code !== 'invalid_type') return undefined
  if (input === null) return 'is empty: fill it in, or leave it out'
  return input === undefined ? 'is missing' : undefined
}

/** One fault per unknown field, with the field's path. */
function toFaults(issue: ZodIssue): { path: PropertyKey[]; message: string }[] {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map(key => ({ path: [...issue.path, key], message: 'is not a known field' }))
  if (issue.code === 'invalid_key')
    return [{ path: issue.path, message: issue.issues[0]?.message ?? 'is not a valid name' }]
  const [last] = issue.path.slice(-1)
  if (issue.code === 'invalid_type' && issue.expected === 'never')
    return [
      {
        path: issue.path,
        message:
          last === 'name'
            ? 'is not needed: the key is the name'
            : 'belongs to the whole manifest: write it at the top',
      },
    ]
  return [{ path: issue.path, message: issue.message.replace(/^Invalid input: /, '') }]
}

/** JSON Pointer, RFC 6901. */
const pointer = (path: PropertyKey[]): string =>
  path.map(key => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
