// Tools with the calling contract `mcp` that send notifications before their result: one line of
// JSON each.
/* global awslambda */

import { setTimeout as sleep } from 'node:timers/promises'

const PAUSE_MS = 50

/** @param {number} value */
const progress = value => ({
  method: 'notifications/progress',
  params: { progress: value, total: 100, message: `${value} of 100` },
})
/** @param {string} data */
const log = data => ({ method: 'notifications/message', params: { level: 'info', data } })

/**
 * The notifications of each tool.
 *
 * @type {Record<string, object[]>}
 */
const lines = {
  test_tool_with_progress: [progress(0), progress(50), progress(100)],
  test_tool_with_logging: [log('Started'), log('Working'), log('Done')],
  test_logging_tool: [log('The client sees this only if it asked for it')],
}

/** @typedef {{ params: { name: string } }} Event */

export const handler = awslambda.streamifyResponse(async (/** @type {Event} */ event, stream) => {
  const { name } = event.params
  for (const line of lines[name] ?? []) {
    stream.write(`${JSON.stringify(line)}\n`)
    await sleep(PAUSE_MS)
  }
  const content = [{ type: 'text', text: `${name} is done.` }]
  stream.end(`${JSON.stringify({ result: { content } })}\n`)
})
