import { AwsError } from './aws-error.ts'

export interface ResponseHead {
  status: number
  /** By name in lower case. Values of a repeated header are joined with commas. */
  headers: Record<string, string>
}

/** Called in this order: `onHead`, `onBody` for each piece, `onEnd`. */
export interface ResponseListener {
  onHead(head: ResponseHead): void
  onBody(bytes: Buffer): void
  /** Whether the connection takes another request. */
  onEnd(keepsAlive: boolean): void
}

type State = 'idle' | 'head' | 'body' | 'size' | 'chunk' | 'chunk-end' | 'trailers' | 'until-close'

/**
 * Reads the responses to the `POST` requests of one HTTP/1.1 connection, from bytes in any pieces.
 * Node's HTTP client does the same and more, and takes as long as signing and sending besides.
 * Throws an `AwsError` for what is no response, or ambiguous.
 * https://www.rfc-editor.org/rfc/rfc9112
 */
export class ResponseParser {
  readonly #listener: ResponseListener
  #state: State = 'idle'
  /** The beginning of a head or a line. */
  #waiting: Buffer | undefined
  /** Bytes that the body, or its chunk, still has. */
  #left = 0
  #trailerBytes = 0
  #keepsAlive = false

  constructor(listener: ResponseListener) {
    this.#listener = listener
  }

  /** A request was sent. */
  expect(): void {
    this.#state = 'head'
  }

  read(bytes: Buffer): void {
    let rest = this.#waiting ? Buffer.concat([this.#waiting, bytes]) : bytes
    this.#waiting = undefined
    while (rest.length > 0) {
      const used = this.#step(rest)
      if (used === 0) {
        if (rest.length > MAX_HEAD_BYTES) throw invalid('a head or line that is too long')
        this.#waiting = rest
        return
      }
      rest = rest.subarray(used)
    }
  }

  /** The connection was closed, which ends a body without a length. */
  close(): void {
    if (this.#state === 'until-close') this.#end()
  }

  /** Returns how many bytes were read. 0: more are needed. */
  #step(bytes: Buffer): number {
    switch (this.#state) {
      case 'idle':
        throw invalid('bytes that answer no request')
      case 'head':
        return this.#readHead(bytes)
      case 'body':
      case 'chunk':
        return this.#readBody(bytes)
      case 'until-close':
        this.#listener.onBody(bytes)
        return bytes.length
      case 'size':
        return this.#readLine(bytes, line => {
          const [, digits] = CHUNK_SIZE.exec(line) ?? []
          if (!digits) throw invalid('the size of a chunk')
          this.#left = Number.parseInt(digits, 16)
          this.#state = this.#left > 0 ? 'chunk' : 'trailers'
        })
      case 'chunk-end':
        return this.#readLine(bytes, line => {
          if (line) throw invalid('a chunk that is longer than its size')
          this.#state = 'size'
        })
      case 'trailers':
        return this.#readLine(bytes, line => {
          this.#trailerBytes += line.length
          if (this.#trailerBytes > MAX_HEAD_BYTES) throw invalid('trailers that are too long')
          if (line) headersIn([line])
          else this.#end()
        })
    }
  }

  #readHead(bytes: Buffer): number {
    const end = bytes.indexOf('\r\n\r\n')
    if (end < 0) return 0
    if (end > MAX_HEAD_BYTES) throw invalid('a head that is too long')
    const [statusLine = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n')
    const [, minor, digits] = STATUS_LINE.exec(statusLine) ?? []
    if (!digits) throw invalid('its status line')
    const head = { status: Number(digits), headers: headersIn(lines) }
    // An interim response. The other one follows.
    if (head.status < 200 && head.status !== 101 && minor === '1') return end + 4
    this.#keepsAlive = keepsAlive(head, minor === '0')
    this.#state = this.#bodyOf(head)
    this.#listener.onHead(head)
    if (this.#state === 'body' && this.#left === 0) this.#end()
    return end + 4
  }

  /** https://www.rfc-editor.org/rfc/rfc9112#section-6.3 */
  #bodyOf({ status, headers }: ResponseHead): State {
    const { 'transfer-encoding': coding, 'content-length': length } = headers
    this.#left = 0
    this.#trailerBytes = 0
    if (status < 200) throw invalid(`the status ${status}`)
    if (length !== undefined && !/^\d{1,15}$/.test(length)) throw invalid('its length')
    if (coding !== undefined && length !== undefined) throw invalid('two lengths')
    if (coding !== undefined && coding.toLowerCase() !== 'chunked') throw invalid('its coding')
    if (status === 204 || status === 304) return 'body'
    if (coding !== undefined) return 'size'
    if (length === undefined) {
      this.#keepsAlive = false
      return 'until-close'
    }
    this.#left = Number(length)
    return 'body'
  }

  #readBody(bytes: Buffer): number {
    const piece = bytes.length > this.#left ? bytes.subarray(0, this.#left) : bytes
    this.#left -= piece.length
    this.#listener.onBody(piece)
    if (this.#left > 0) return piece.length
    if (this.#state === 'body') this.#end()
    else this.#state = 'chunk-end'
    return piece.length
  }

  #readLine(bytes: Buffer, onLine: (line: string) => void): number {
    const end = bytes.indexOf('\r\n')
    if (end < 0) return 0
    onLine(bytes.toString('latin1', 0, end))
    return end + 2
  }

  #end() {
    this.#state = 'idle'
    this.#listener.onEnd(this.#keepsAlive)
  }
}

/** Node has the same limit. */
const MAX_HEAD_BYTES = 16 * 1024

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/
/** With extensions, which mean nothing to us. */
const CHUNK_SIZE = /^([\da-f]{1,8})(?:;[\w-]+(?:=(?:[\w-]+|"[\w -]*"))?)*$/i
const NAME = /^[\w!#$%&'*+.^`|~-]+$/
/** What no value of a header has. */
export const NO_VALUE = /[^\t\x20-\x7e\x80-\xff]/

function headersIn(lines: string[]): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const line of lines) {
    const colon = line.indexOf(':')
    const name = line.slice(0, colon).toLowerCase()
    const value = line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '')
    if (colon < 0 || !NAME.test(name) || NO_VALUE.test(value)) throw invalid('a header')
    const before = Object.hasOwn(headers, name) ? headers[name] : undefined
    headers[name] = before === undefined ? value : `${before}, ${value}`
  }
  return headers
}

function keepsAlive({ headers }: ResponseHead, isOldVersion: boolean): boolean {
  const options = (headers['connection'] ?? '').toLowerCase().split(/[ \t]*,[ \t]*/)
  return isOldVersion ? options.includes('keep-alive') : !options.includes('close')
}

const invalid = (what: string) =>
  new AwsError('InvalidResponse', `The service sent no valid HTTP response: ${what}`)
