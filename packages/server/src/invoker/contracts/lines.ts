import { FunctionFailure } from '../failure.ts'

/** The longest line of a function's output: 20 MB of text in a JSON message. */
export const MAX_LINE_BYTES = 24 * 1024 * 1024

const LF = 0x0a

/**
 * Splits a stream of bytes into lines. A chunk may end anywhere, also within a character. The last
 * line needs no line end; `onUnended` is called before it. Holds one line at a time. Throws
 * `FunctionFailure` for a line that is too long or not UTF-8.
 */
export async function* linesOf(
  chunks: AsyncIterable<Uint8Array>,
  onUnended: () => void = () => {},
): AsyncGenerator<string, void, void> {
  // One growing buffer: a list of chunks of a few bytes each would need many times the memory of
  // the line.
  let held = Buffer.alloc(0)
  let size = 0

  for await (const chunk of chunks) {
    let start = 0
    for (let end = chunk.indexOf(LF); end >= 0; end = chunk.indexOf(LF, start)) {
      hold(chunk.subarray(start, end))
      yield take()
      start = end + 1
    }
    hold(chunk.subarray(start))
  }
  if (size > 0) {
    onUnended()
    yield take()
  }

  function hold(bytes: Uint8Array) {
    const needed = size + bytes.length
    if (needed > MAX_LINE_BYTES)
      throw new FunctionFailure(`The function wrote a line of more than ${MAX_LINE_BYTES} bytes`)
    if (needed > held.length) {
      const larger = Buffer.allocUnsafe(Math.max(needed, Math.min(2 * held.length, MAX_LINE_BYTES)))
      held.copy(larger, 0, 0, size)
      held = larger
    }
    held.set(bytes, size)
    size = needed
  }

  function take(): string {
    const line = held.subarray(0, size)
    size = 0
    try {
      return decoder.decode(line)
    } catch {
      throw new FunctionFailure('The function wrote a line that is not UTF-8')
    }
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true })
