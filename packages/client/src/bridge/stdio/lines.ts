/** What stdin holds: the bytes of one line, or that a line was longer than the limit. */
export type Line = { bytes: Buffer } | { tooLong: true }

/** More than a Function URL takes (6 MB). */
export const MAX_LINE = 64 * 1024 * 1024

const NEWLINE = 0x0a
const CARRIAGE_RETURN = 0x0d

/**
 * Splits a stream of bytes into lines that end in LF or CRLF. Empty lines are left out. A line is
 * decoded as a whole, so a character may arrive in parts. A last line without its end is left out.
 */
export function createLineReader(onLine: (line: Line) => void, limit = MAX_LINE) {
  let parts: Buffer[] = []
  let length = 0

  return (chunk: Buffer) => {
    let start = 0
    for (;;) {
      const end = chunk.indexOf(NEWLINE, start)
      keep(end < 0 ? chunk.subarray(start) : chunk.subarray(start, end))
      if (end < 0) return
      finish()
      start = end + 1
    }
  }

  function keep(part: Buffer) {
    length += part.length
    if (length > limit)
      parts = [] // the rest of the line is counted, and not kept
    else if (part.length > 0) parts.push(part)
  }

  function finish() {
    const isTooLong = length > limit
    const [first, ...others] = parts
    const bytes = first && others.length === 0 ? first : Buffer.concat(parts)
    parts = []
    length = 0
    if (isTooLong) return onLine({ tooLong: true })
    const end = bytes.at(-1) === CARRIAGE_RETURN ? bytes.length - 1 : bytes.length
    if (end > 0) onLine({ bytes: bytes.subarray(0, end) })
  }
}
