import { isRecord } from '../../is-record.ts'
import { UsageError } from '../usage-error.ts'
import type { Result } from './mcp-client.ts'

/**
 * Arguments from words: `key=value` is a string, `key:=JSON` is any JSON value. `given` holds them
 * all as one JSON object instead.
 */
export function readArguments(words: string[], given: string | undefined): Result {
  const all = given === undefined ? {} : readObject(given)
  for (const word of words) {
    const [, key = '', operator, value = ''] = /^([^=]+?)(:?=)(.*)$/s.exec(word) ?? []
    if (!operator)
      throw new UsageError(
        `Not understood: ${word}. Arguments are key=text, key:=JSON, --args '{…}', or - for JSON on stdin`,
      )
    // Defined, so that __proto__ is a name like any other.
    const property = { enumerable: true, configurable: true, writable: true }
    const content = operator === '=' ? value : readJson(value, `${key}:=`)
    Object.defineProperty(all, key, { ...property, value: content })
  }
  return all
}

function readObject(text: string): Result {
  const value = readJson(text, 'the arguments')
  if (isRecord(value)) return value
  throw new UsageError(`The arguments must be a JSON object, such as '{"name": "Ada"}'`)
}

function readJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new UsageError(`Not JSON in ${where}: ${(error as Error).message}`)
  }
}
