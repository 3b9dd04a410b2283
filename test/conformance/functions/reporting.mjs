// Tools with the contract `mcp` that say something before they answer: a line of JSON each, as they go.
/* global awslambda */

import { setTimeout as sleep } from 'node:timers/promises'

const PAUSE_MS = 50

const progress = value => ({
  method: 'notifications/progress',
  params: { progress: value, total: 100, message: `${value} of 100` },
})
const log = data => ({ method: 'notifications/message', params: { level: 'info', data } })

const lines = {
  test_tool_with_progress: [progress(0), progress(50), progress(100)],
  test_tool_with_logging: [log('Started'), log('Working'), log('Done')],
  test_logging_tool: [log('The client sees this only if it asked for it')],
}

export const handler = awslambda.streamifyResponse(async ({ params: { name } }, stream) => {
  for (const line of lines[name]) {
    stream.write(`${JSON.stringify(line)}\n`)
    await sleep(PAUSE_MS)
  }
  const content = [{ type: 'text', text: `${name} is done.` }]
  stream.end(`${JSON.stringify({ result: { content } })}\n`)
})
