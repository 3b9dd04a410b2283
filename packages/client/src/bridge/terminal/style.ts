import type { WriteStream } from 'node:tty'

/** Colours for one stream: none where it is no terminal, and with NO_COLOR. */
export interface Style {
  bold(text: string): string
  dim(text: string): string
  red(text: string): string
  /** Columns of the terminal; undefined where it is none. */
  width: number | undefined
}

/** https://no-color.org */
export function styleOf(stream: Partial<WriteStream>): Style {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env
  const isColored = !NO_COLOR && TERM !== 'dumb' && (Boolean(stream.isTTY) || Boolean(FORCE_COLOR))
  const paint = (code: number, end: number) => (text: string) =>
    isColored && text ? `\x1b[${code}m${text}\x1b[${end}m` : text
  return {
    bold: paint(1, 22),
    dim: paint(2, 22),
    red: paint(31, 39),
    width: stream.isTTY ? (stream.columns ?? 80) : undefined,
  }
}

/**
 * Text of a server without the characters that control a terminal: they could hide or change what
 * the person sees. Line breaks and tabs stay.
 */
export const printable = (value: unknown): string =>
  textOf(value)
    .replace(/\r\n?/g, '\n')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is replaced
    .replace(/[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '\ufffd')

/** An object of a server may have a `toString` that is no function. */
const textOf = (value: unknown) =>
  typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value ?? '')

/** The same on one line. */
export const onOneLine = (value: unknown): string => printable(value).replace(/\s+/g, ' ').trim()

/** Cut to a number of columns. */
export function cut(text: string, width: number): string {
  const characters = [...text]
  if (characters.length <= width) return text
  return `${characters.slice(0, Math.max(0, width - 1)).join('')}…`
}
