/**
 * A string, a number or a punctuation mark of a JSON text; white space and literals are left out.
 */
export interface Token {
  kind: 'string' | 'number' | 'mark'
  start: number
  /** Behind the last character. */
  end: number
}

const START = /["[\]{}:,]|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g

/**
 * The tokens of a valid JSON text, in linear time and without recursion. One regular expression
 * for all of it would overflow the stack of the engine on a string of 20 MB.
 */
export function* jsonTokens(text: string): Generator<Token> {
  const pattern = new RegExp(START)
  for (let found = pattern.exec(text); found; found = pattern.exec(text)) {
    const [first = ''] = found
    const start = found.index
    if (first === '"') {
      const end = endOfString(text, start)
      pattern.lastIndex = end
      yield { kind: 'string', start, end }
    } else {
      const kind = /[-\d]/.test(first[0] ?? '') ? 'number' : 'mark'
      yield { kind, start, end: start + first.length }
    }
  }
}

/** Behind the closing quote of the string that begins at `start`. */
function endOfString(text: string, start: number): number {
  for (let quote = text.indexOf('"', start + 1); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let backslashes = 0
    while (text[quote - 1 - backslashes] === '\\') backslashes++
    if (backslashes % 2 === 0) return quote + 1
  }
  return text.length
}
