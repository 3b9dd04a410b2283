import type { WriteStream } from 'node:tty'

const CODES = { red: 31, green: 32, yellow: 33, dim: 2, bold: 1 }

/** The text in a colour where the stream is a terminal that shows it: https://no-color.org */
export function paint(stream: Partial<WriteStream>, colour: keyof typeof CODES, text: string) {
  const { NO_COLOR, TERM } = process.env
  const isColoured = stream.isTTY && !NO_COLOR && TERM !== 'dumb'
  return isColoured ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text
}

/** Prints what a command found or did: one JSON document for a program, text for a person. */
export function printResult(
  { json }: { json?: boolean | undefined },
  result: unknown,
  text: () => string,
) {
  if (json) printJson(result)
  else console.log(text())
}

export function printJson(value: unknown) {
  console.log(JSON.stringify(value, null, 2))
}

/** Columns with a heading. The last one is not padded. */
export function columns(heading: string[], rows: string[][]): string {
  const all = [heading, ...rows]
  const widths = heading.map((_, at) => Math.max(...all.map(row => row[at]?.length ?? 0)))
  const lines = all.map(row =>
    row
      .map((text, at) => text.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd(),
  )
  const [first = '', ...rest] = lines
  return [paint(process.stdout, 'bold', first), ...rest].join('\n')
}

/** Work with fewer steps is too short to watch. */
const MIN_STEPS = 50

/**
 * Shows the progress of long work on stderr: one line that changes on a terminal, else a line for
 * every tenth.
 */
export function progressLine(stream: WriteStream = process.stderr) {
  let shownTenth = -1
  let isOpen = false
  return {
    show(label: string, done: number, total: number) {
      if (total < MIN_STEPS) return
      const text = `${label} ${done} of ${total}`
      if (stream.isTTY) {
        stream.write(`\r\u001b[K${text}`)
        isOpen = true
        return
      }
      const tenth = Math.floor((done / total) * 10)
      if (tenth === shownTenth) return
      shownTenth = tenth
      stream.write(`${text}\n`)
    },
    /** Removes the line. Call it before other output. */
    end() {
      if (isOpen) stream.write('\r\u001b[K')
      isOpen = false
      shownTenth = -1
    },
  }
}
