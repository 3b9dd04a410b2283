import { setTimeout as sleep } from 'node:timers/promises'
export const handler = awslambda.streamifyResponse(async (event, stream, context) => {
  const out = awslambda.HttpResponseStream.from(stream, { statusCode: 200, headers: { 'content-type': 'text/event-stream', 'x-pid': String(process.pid) }, cookies: ['a=b'] })
  for (let i = 0; i < 3; i++) { out.write(`data: ${i} ${event.rawPath}\n\n`); await sleep(50) }
  out.end()
})
