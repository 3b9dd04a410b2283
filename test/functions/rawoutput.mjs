// Functions in other languages write JSON that JavaScript would not write.

/** @typedef {{ output: string, params?: { arguments: { output: string } } }} Event */

/** Writes its argument `output` as it is, with either calling contract. */
export const handler = awslambda.streamifyResponse(async (/** @type {Event} */ event, stream) => {
  stream.write(event.params?.arguments.output ?? event.output)
  stream.end()
})
