import { execFile } from 'node:child_process'
import { stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'

import { LocalError } from '../errors.ts'
import type { PythonInterpreter } from '../lambda-function.ts'

/** What Python's own parser tells of a file. The file does not run. */
interface PythonFile {
  /** `handler` or `lambda_handler`, if the file defines one. */
  handler?: string | null
  /** All names that the file defines. */
  names?: string[]
  /** The first paragraph of the documentation of the handler, or of the file. */
  description?: string | null
  /** The file and the files that it imports from the folder of its code. */
  files?: string[]
  /** The place of a syntax error. */
  problem?: string
}

export interface PythonReader {
  /**
   * `code` is the folder from which the file imports. Undefined if this machine has no Python 3 for
   * the file.
   */
  read(
    file: string,
    code: string,
  ): Promise<{ file: PythonFile; interpreter: PythonInterpreter } | undefined>
}

/**
 * Reads Python files with the interpreter that will run them: `chosen`, a virtual environment
 * beside the file or above it up to `root`, or the `python3` of the PATH. `script` is the path of
 * exports.py.
 */
export function pythonReader(script: string, root: string, chosen?: string): PythonReader {
  return {
    async read(file, code) {
      const program = await interpreterFor(dirname(file), root, chosen)
      const output = await run(program, script, JSON.stringify({ [file]: code }))
      if (output === undefined) {
        if (chosen !== undefined) throw unusable(chosen)
        return undefined
      }
      const { version, hasRuntimeClient, files } = JSON.parse(output)
      return { file: files[file], interpreter: { program, version, hasRuntimeClient } }
    },
  }
}

const isWindows = process.platform === 'win32'
const ENVIRONMENTS = ['.venv', 'venv', 'env']

async function interpreterFor(folder: string, root: string, chosen?: string): Promise<string> {
  if (chosen !== undefined) return (await environmentProgram(resolve(chosen))) ?? chosen
  for (const parent of foldersUpTo(folder, root))
    for (const name of ENVIRONMENTS) {
      const program = await environmentProgram(join(parent, name))
      if (program) return program
    }
  return isWindows ? 'python' : 'python3'
}

/** The folder and those above it, up to `root`, and the working directory. */
function foldersUpTo(folder: string, root: string): string[] {
  const folders = [folder]
  for (let it = folder; it !== root && it !== dirname(it); ) {
    it = dirname(it)
    folders.push(it)
  }
  return folders.includes(root) ? [...folders, process.cwd()] : [folder, process.cwd()]
}

/** The interpreter of a virtual environment. Undefined for any other folder. */
async function environmentProgram(folder: string): Promise<string | undefined> {
  const program = join(folder, isWindows ? 'Scripts/python.exe' : 'bin/python')
  return (await stat(program).catch(() => undefined))?.isFile() ? program : undefined
}

/** Undefined if there is no such program, or if it is not Python 3. */
function run(program: string, script: string, input: string): Promise<string | undefined> {
  return new Promise(done => {
    // -I: the files of the working directory must not stand in for the standard library.
    const child = execFile(
      program,
      ['-I', script],
      { timeout: 20_000, maxBuffer: 16 * 1024 * 1024 },
      (error, stdout) => done(error ? undefined : stdout),
    )
    child.stdin?.on('error', () => {})
    child.stdin?.end(input)
  })
}

const unusable = (path: string) =>
  new LocalError(
    'python_unusable',
    `${path} is no Python 3`,
    'Give --python the path of a Python 3 program or of a virtual environment.',
  )
