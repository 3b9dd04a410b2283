import type { WriteStream } from 'node:tty'

import type { Result } from './mcp-client.ts'
import { cut, onOneLine, type Style } from './style.ts'

/** Shows progress on stderr: one line that changes in a terminal, else a line each. */
export interface ProgressLine {
  show(params: Result): void
  /** Removes the line, for other output. */
  clear(): void
}

export function createProgressLine(stream: WriteStream, style: Style): ProgressLine {
  let isShown = false
  return {
    show({ progress, total, message }) {
      const amount = [progress, total]
        .filter(it => it !== undefined)
        .map(onOneLine)
        .join('/')
      const text = cut([amount, onOneLine(message)].join(' ').trim(), (style.width ?? 200) - 1)
      if (style.width === undefined) return void stream.write(`${text}\n`)
      stream.write(`\r\x1b[K${style.dim(text)}`)
      isShown = true
    },
    clear() {
      if (isShown) stream.write('\r\x1b[K')
      isShown = false
    },
  }
}
