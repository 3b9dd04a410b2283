import { expect, test } from 'vitest'

import type { CallEntry } from '../../src/observe/call-record.ts'
import { createMetrics } from '../../src/observe/metrics.ts'

const entry = (type: CallEntry['error.type']): CallEntry => ({
  timestamp: '',
  level: 'INFO',
  requestId: '',
  message: 'call',
  'mcp.method.name': 'tools/call',
  'gen_ai.tool.name': 'a',
  'gen_ai.prompt.name': undefined,
  item: undefined,
  function: '',
  'error.type': type,
  resultType: undefined,
  caller: '',
  sessionName: undefined,
  'mcp.session.id': undefined,
  trace_id: undefined,
  'faas.coldstart': false,
  errors: 0,
  throttles: 0,
  functionMs: undefined,
  ownMs: 1,
  bytesIn: 0,
  bytesOut: 0,
  tableReads: 0,
})

test('calls over a rate limit count by their error type alone, so they hide no failures', () => {
  const lines: string[] = []
  const metrics = createMetrics({ gateway: 'g', perItem: true, write: it => lines.push(it) })
  metrics.waited(7)
  metrics.call(entry('rate_limited'))
  metrics.call(entry('gateway_failed'))
  const found = lines.map(line => {
    const { _aws, relayWaitMs } = JSON.parse(line)
    const directives: { Dimensions: string[][]; Metrics: { Name: string }[] }[] =
      _aws.CloudWatchMetrics
    const names = directives.map(it => `${it.Dimensions} ${it.Metrics.map(({ Name }) => Name)}`)
    return { names, relayWaitMs }
  })
  expect(found).toEqual([
    { names: ['gateway,error.type calls'], relayWaitMs: undefined },
    {
      names: [
        'gateway calls,errors,throttles,ownMs,tableReads,relayWaitMs',
        'gateway,gen_ai.tool.name calls,errors',
        'gateway,error.type calls',
      ],
      relayWaitMs: [7],
    },
  ])
})
