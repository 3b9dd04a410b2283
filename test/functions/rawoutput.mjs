// Functions in other languages write JSON that JavaScript would not write.

/** @typedef {{ output: string, params?: { arguments: { output: string } } }} Event */

/**
 * Writes its argument `output` as it is, with either calling contract. `throw` throws an error with
 * a message of 1 MB.
 */
export const handler = awslambda.streamifyResponse(async (/** @type {Event} */ event, stream) => {
  const output = event.params?.arguments.output ?? event.output
  if (output === 'throw') throw new Error('x'.repeat(1_000_000))
  stream.write(output)
  stream.end()
})
