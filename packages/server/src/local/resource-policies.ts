import { readFileSync, renameSync, writeFileSync } from 'node:fs'

/** One statement of a function's resource policy, as Lambda writes it. */
export interface Statement {
  Sid: string
  Effect: 'Allow'
  Principal: unknown
  Action: string
  Resource: string
}

/** The resource policies of all functions, each by the ARN that its statements are about. */
export interface Policies {
  of(resource: string): readonly Statement[]
  set(resource: string, statements: Statement[]): void
}

/** In memory, or in a file that survives the gateway as its tables do. */
export function policies(file?: string): Policies {
  const all = new Map<string, Statement[]>(Object.entries(file ? read(file) : {}))
  return {
    of: resource => all.get(resource) ?? [],
    set(resource, statements) {
      if (statements.length > 0) all.set(resource, statements)
      else all.delete(resource)
      if (file) write(file, Object.fromEntries(all))
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

/** At once or not at all: the gateway may be killed in the middle. */
function write(file: string, content: object) {
  writeFileSync(`${file}.new`, JSON.stringify(content, null, 2))
  renameSync(`${file}.new`, file)
}
