import { readFileSync, renameSync, writeFileSync } from 'node:fs'

/** One statement of a function's resource policy, as Lambda writes it. */
export interface Statement {
  Sid: string
  Effect: 'Allow'
  Principal: unknown
  Action: string
  Resource: string
}

/** The resource policies of all functions. The key is the ARN in `Resource`, with its qualifier. */
export interface ResourcePolicies {
  statements(resource: string): readonly Statement[]
  set(resource: string, statements: Statement[]): void
}

/** Keeps the policies in memory, or in a file that the next start reads. */
export function resourcePolicies(file?: string): ResourcePolicies {
  const all = new Map<string, Statement[]>(Object.entries(file ? read(file) : {}))
  return {
    statements: resource => all.get(resource) ?? [],
    set(resource, statements) {
      if (statements.length > 0) all.set(resource, statements)
      else all.delete(resource)
      if (file) writeAtomically(file, Object.fromEntries(all))
    },
  }
}

function read(file: string): Record<string, Statement[]> {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
    throw error
  }
}

/** The gateway may be killed during the write. The rename replaces the file in one step. */
function writeAtomically(file: string, content: object) {
  writeFileSync(`${file}.new`, JSON.stringify(content, null, 2))
  renameSync(`${file}.new`, file)
}
