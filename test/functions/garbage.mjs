/** Writes bytes that are not JSON, as only a streaming function can. */
export const handler = awslambda.streamifyResponse(async (_event, stream) => {
  stream.write('{"content": [')
  stream.end()
})
