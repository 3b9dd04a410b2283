export const handler = awslambda.streamifyResponse(async (_event, stream) => {
  stream.write('fine')
  stream.end()
})
