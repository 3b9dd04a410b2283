import { Transform } from 'node:stream'

/**
 * Delivers each chunk together with the next one, and the last one at the end. Reports say that
 * Lambda does this to small writes of a streamed response.
 * https://github.com/aws/aws-lambda-nodejs-runtime-interface-client/issues/94
 */
export function holdBack(): Transform {
  let held: Buffer | undefined
  return new Transform({
    transform(chunk: Buffer, _, done) {
      const delivered = held
      held = chunk
      done(null, delivered)
    },
    flush(done) {
      done(null, held)
    },
  })
}
