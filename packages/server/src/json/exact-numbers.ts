import { randomBytes } from 'node:crypto'

import { jsonTokens } from './tokens.ts'

/** A parsed JSON text whose numbers can be written again as they were. */
export interface ExactJson {
  /**
   * The value; each number that JavaScript would write differently is a string with a secret
   * prefix.
   */
  value: unknown
  /** `JSON.stringify` for the value or parts of it, with the numbers as they were written. */
  stringify(value: unknown): string
}

/** A text without these holds no such number; a text with them may hold them in a string alone. */
const SUSPICIOUS = /\d[.eE]|\d{16}|-0/

/**
 * Whether `JSON.stringify(JSON.parse(text))` changes the spelling of a number: integers beyond
 * 2^53, long decimals, `1.0`, `1e3`, `-0`. Only for valid JSON.
 */
export function changesNumbers(text: string): boolean {
  if (!SUSPICIOUS.test(text)) return false
  for (const { kind, start, end } of jsonTokens(text))
    if (kind === 'number' && isChanged(text.slice(start, end))) return true
  return false
}

/**
 * Parses a valid JSON text without losing digits. `JSON.rawJSON` would do, but Node 20 has none.
 */
export function parseExact(text: string): ExactJson {
  // A prefix of its own for each text: a caller that learns one cannot use it.
  const prefix = `number:${randomBytes(12).toString('hex')}:`
  const written = new RegExp(`"${prefix}([^"]*)"`, 'g')
  return {
    value: JSON.parse(withMarks(text, prefix)),
    stringify: value => JSON.stringify(value).replace(written, '$1'),
  }
}

function withMarks(text: string, prefix: string): string {
  const pieces: string[] = []
  let copied = 0
  for (const { kind, start, end } of jsonTokens(text)) {
    if (kind !== 'number') continue
    const number = text.slice(start, end)
    if (!isChanged(number)) continue
    pieces.push(text.slice(copied, start), `"${prefix}${number}"`)
    copied = end
  }
  return [...pieces, text.slice(copied)].join('')
}

const isChanged = (number: string) => String(Number(number)) !== number
