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
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new UsageError(`Not JSON in ${where}: ${(error as Error).message}`)
  }
  const rounded = roundedNumber(text)
  if (rounded === undefined) return value
  throw new UsageError(`${rounded} has more digits than can be sent: give it as a string`)
}

const STRING_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g

/** A number in JSON that `JSON.parse` would change. */
function roundedNumber(json: string): string | undefined {
  return json.match(STRING_OR_NUMBER)?.find(token => {
    const [digits = ''] = token.replace(/^-/, '').split(/[eE]/)
    const significant = digits.replace('.', '').replace(/^0+/, '').replace(/0+$/, '')
    return !token.startsWith('"') && (significant.length > 15 || !Number.isFinite(Number(token)))
  })
}
