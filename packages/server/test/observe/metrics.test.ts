import { expect, test } from 'vitest'

import type { CallEntry } from '../../src/observe/call-record.ts'
import { createMetrics } from '../../src/observe/metrics.ts'

const entry = (outcome: CallEntry['outcome']): CallEntry => ({
  timestamp: '',
  level: 'INFO',
  requestId: '',
  message: 'call',
  method: 'tools/call',
  item: 'tool-a',
  function: '',
  outcome,
  caller: '',
  sessionName: undefined,
  sessionId: undefined,
  traceId: undefined,
  cold: false,
  errors: 0,
  throttles: 0,
  functionMs: undefined,
  ownMs: 1,
  bytesIn: 0,
  bytesOut: 0,
  tableReads: 0,
})

test('calls over a rate limit count by their outcome alone, so they hide no failures', () => {
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
    { names: ['gateway,outcome calls'], relayWaitMs: undefined },
    {
      names: [
        'gateway calls,errors,throttles,ownMs,tableReads,relayWaitMs',
        'gateway,item calls,errors',
        'gateway,outcome calls',
      ],
      relayWaitMs: [7],
    },
  ])
})
