/**
 * A string, a number or a punctuation mark of a JSON text; white space and literals are left out.
 */
export interface Token {
  kind: 'string' | 'number' | 'mark'
  start: number
  /** Behind the last character. */
  end: number
}

const QUOTE = 0x22
const OPEN_LIST = 0x5b
const CLOSE_LIST = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const PLUS = 0x2b
const COMMA = 0x2c
const MINUS = 0x2d
const DOT = 0x2e
const ZERO = 0x30
const NINE = 0x39
const COLON = 0x3a
const UPPER_E = 0x45
const LOWER_E = 0x65

/**
 * The tokens of a valid JSON text, in linear time and without recursion. A regular expression for
 * all of it would overflow the stack of the engine on a string of 20 MB.
 */
export function* jsonTokens(text: string): Generator<Token> {
  for (let at = 0; at < text.length; ) {
    const code = text.charCodeAt(at)
    const start = at
    if (code === QUOTE) {
      at = endOfString(text, start)
      yield { kind: 'string', start, end: at }
    } else if (isDigit(code) || code === MINUS) {
      at = endOfNumber(text, start)
      yield { kind: 'number', start, end: at }
    } else {
      at += 1
      if (isMark(code)) yield { kind: 'mark', start, end: at }
    }
  }
}

const isDigit = (code: number) => code >= ZERO && code <= NINE

const isMark = (code: number) =>
  code === COMMA ||
  code === COLON ||
  code === OPEN_LIST ||
  code === CLOSE_LIST ||
  code === OPEN_OBJECT ||
  code === CLOSE_OBJECT

/** Behind the last character of the number that begins at `start`. */
function endOfNumber(text: string, start: number): number {
  let at = start + 1
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at)
    const isPart = isDigit(code) || code === DOT || code === LOWER_E || code === UPPER_E
    if (!isPart && code !== PLUS && code !== MINUS) break
  }
  return at
}

/** Behind the closing quote of the string that begins at `start`. */
export function endOfString(text: string, start: number): number {
  for (let quote = text.indexOf('"', start + 1); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let backslashes = 0
    while (text[quote - 1 - backslashes] === '\\') backslashes++
    if (backslashes % 2 === 0) return quote + 1
  }
  return text.length
}
