import { randomBytes } from 'node:crypto'

import { isRecord } from '../is-record.ts'
import { jsonTokens } from './tokens.ts'

/** A parsed JSON text whose numbers can be written again as they were. */
export interface ExactJson {
  /** Each number that JavaScript would write differently is a string with a secret prefix. */
  value: unknown
  /** `JSON.stringify` for the value or parts of it, with the numbers as they were written. */
  stringify(value: unknown): string
  /** The same for a text that `JSON.stringify` has made of parts of the value, among others. */
  unmark(json: string): string
}

/** A number of so many characters has at most 15 digits, which JavaScript always holds. */
const SAFE_LENGTH = 15

/** A text without these holds no such number; a text with them may hold them in a string alone. */
const SUSPICIOUS = /\d[.eE]|\d{16}|(?:^|[[:,\s])-0/

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
  const unmark = (json: string) => json.replace(written, '$1')
  return {
    value: JSON.parse(withReplaced(text, isChanged, number => `"${prefix}${number}"`)),
    stringify: value => unmark(JSON.stringify(value)),
    unmark,
  }
}

/**
 * A copy of a value, with the numbers of an `ExactJson` that stand at the same places. The value
 * may lack members, or have more.
 */
export function withNumbersOf(exact: unknown, value: unknown): unknown {
  if (typeof value === 'number') return typeof exact === 'string' ? exact : value
  if (Array.isArray(value))
    return Array.isArray(exact) ? value.map((it, n) => withNumbersOf(exact[n], it)) : value
  if (!isRecord(value) || !isRecord(exact)) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, it]) => [
      name,
      Object.hasOwn(exact, name) ? withNumbersOf(exact[name], it) : it,
    ]),
  )
}

function withReplaced(
  text: string,
  isMeant: (number: string) => boolean,
  replacement: (number: string) => string,
): string {
  const pieces: string[] = []
  let copied = 0
  for (const { kind, start, end } of jsonTokens(text)) {
    if (kind !== 'number') continue
    const number = text.slice(start, end)
    if (!isMeant(number)) continue
    pieces.push(text.slice(copied, start), replacement(number))
    copied = end
  }
  return [...pieces, text.slice(copied)].join('')
}

function isChanged(number: string): boolean {
  // Most numbers are short integers, and `String` takes long.
  if (number.length <= SAFE_LENGTH && /^[1-9]\d*$/.test(number)) return false
  return String(Number(number)) !== number
}

/** A text without these holds no number that JavaScript cannot hold; one with them may. */
const PERHAPS_INEXACT = /[\d.]{16}|\d[eE]/

/**
 * Whether JavaScript reads a number of the text as another value: integers beyond 2^53, long
 * decimals, `1e400`. Another spelling, such as `1.0`, is the same value. Only for valid JSON.
 */
export const losesDigits = (text: string): boolean => firstInexact(text) !== undefined

/** The first number of the text that JavaScript reads as another value, as it is written. */
export function firstInexact(text: string): string | undefined {
  if (!PERHAPS_INEXACT.test(text)) return undefined
  for (const { kind, start, end } of jsonTokens(text)) {
    if (kind !== 'number') continue
    const number = text.slice(start, end)
    if (isInexact(number)) return number
  }
  return undefined
}

/** Parses a valid JSON text. The numbers that JavaScript cannot hold become strings. */
export const parseInexactAsText = (text: string): unknown =>
  JSON.parse(withReplaced(text, isInexact, number => `"${number}"`))

/** More digits than any exact number of JavaScript needs in practice. */
const MAX_DIGITS = 100

/**
 * A number is exact where the shortest spelling of what JavaScript reads has the same value, or
 * where that has the written digits when it is spelled with as many: other languages write more
 * digits of the same double than JavaScript.
 */
function isInexact(number: string): boolean {
  if (number.length <= SAFE_LENGTH && !/[eE]/.test(number)) return false
  const read = Number(number)
  if (String(read) === number) return false
  const written = decimal(number)
  if (!Number.isFinite(read) || !written) return true
  if (sameValue(written, decimal(String(read)))) return false
  const { length } = written.digits
  return length > MAX_DIGITS || !sameValue(written, decimal(read.toPrecision(Math.max(1, length))))
}

interface Decimal {
  /** Without zeros in front. */
  digits: string
  /** The value is `0.digits` times ten to this power. */
  exponent: number
}

/** Undefined for a number with more digits than any that is exact. */
function decimal(number: string): Decimal | undefined {
  if (number.length > 2 * MAX_DIGITS + 200) return undefined
  const [mantissa = '', power = '0'] = number.replace(/^-/, '').toLowerCase().split('e')
  const [whole = '', fraction = ''] = mantissa.split('.')
  const all = whole + fraction
  const digits = all.replace(/^0+/, '')
  return { digits, exponent: Number(power) + whole.length - (all.length - digits.length) }
}

function sameValue(a: Decimal, b: Decimal | undefined): boolean {
  if (!b) return false
  const [first, second] = [a, b].map(({ digits }) => digits.replace(/0+$/, ''))
  return first === second && (first === '' || a.exponent === b.exponent)
}
