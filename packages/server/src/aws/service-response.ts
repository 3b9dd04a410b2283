import { AwsError, networkError } from './aws-error.ts'
import type { ResponseHead } from './response-parser.ts'

/** Of the connection that a response comes on. */
export interface Flow {
  pause(): void
  resume(): void
  /** Closes the connection. The response ends with the error. */
  cancel(error: Error): void
}

/** A response of an AWS service. Its body is read once, as a whole or in pieces. */
export class ServiceResponse implements AsyncIterable<Buffer> {
  readonly status: number
  /** By name in lower case. */
  readonly headers: Record<string, string>
  readonly #flow: Flow
  #pieces: Buffer[] = []
  #bytes = 0
  #isWhole = false
  #error: Error | undefined
  /** Whether all is read as fast as it comes. */
  #isCollected = false
  #wake: (() => void) | undefined
  #onBroken: (() => void) | undefined

  constructor({ status, headers }: ResponseHead, flow: Flow) {
    this.status = status
    this.headers = headers
    this.#flow = flow
  }

  /** Rejects with an `AwsError` where the connection breaks before the end of the body. */
  async body(): Promise<Buffer> {
    this.#isCollected = true
    this.#flow.resume()
    for (;;) {
      if (this.#bytes > MAX_BODY_BYTES)
        this.#flow.cancel(new AwsError('ResponseTooLarge', `more than ${MAX_BODY_BYTES} bytes`))
      if (this.#error) throw networkError(this.#error)
      const [first, second] = this.#pieces
      if (this.#isWhole) return first && !second ? first : Buffer.concat(this.#pieces)
      await this.#change()
    }
  }

  /** The body, as fast as it is taken. An iteration that ends early closes the connection. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    try {
      for (;;) {
        const piece = this.#pieces.shift()
        if (piece) {
          this.#bytes -= piece.length
          if (this.#bytes <= PAUSE_BYTES) this.#flow.resume()
          yield piece
        } else if (this.#error) throw networkError(this.#error)
        else if (this.#isWhole) return
        else await this.#change()
      }
    } finally {
      if (!this.#isWhole) this.#flow.cancel(new AwsError('Cancelled', 'nobody reads on'))
    }
  }

  /** Calls the listener when the connection breaks before the end of the body. */
  whenBroken(listener: () => void): void {
    this.#onBroken = listener
    if (this.#error) listener()
  }

  add(piece: Buffer): void {
    this.#pieces.push(piece)
    this.#bytes += piece.length
    if (this.#isCollected ? this.#bytes > MAX_BODY_BYTES : this.#bytes > PAUSE_BYTES)
      this.#flow.pause()
    this.#wake?.()
  }

  end(): void {
    this.#isWhole = true
    this.#wake?.()
  }

  fail(error: Error): void {
    this.#error = error
    this.#wake?.()
    this.#onBroken?.()
  }

  #change(): Promise<void> {
    return new Promise(resolve => {
      this.#wake = resolve
    })
  }
}

/** More than any response of these services. */
const MAX_BODY_BYTES = 32 * 1024 * 1024
/** What waits for a reader. More stays at the service. */
const PAUSE_BYTES = 64 * 1024
