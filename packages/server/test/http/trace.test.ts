import { expect, test } from 'vitest'

import { traceOf } from '../../src/http/trace.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const ROOT = `Root=1-${TRACE.slice(0, 8)}-${TRACE.slice(8)}`
const ZEROS = '0'.repeat(32)

test.each([
  [
    'a trace header',
    { 'x-amzn-trace-id': `${ROOT};Parent=b7ad6b7169203331;Sampled=1` },
    'b7ad6b7169203331-01',
  ],
  ['one without a parent', { 'x-amzn-trace-id': ROOT }, `${TRACE.slice(16)}-00`],
  [
    'one whose parent is none',
    { 'x-amzn-trace-id': `${ROOT};Parent=${ZEROS.slice(16)}` },
    `${TRACE.slice(16)}-00`,
  ],
  [
    'a traceparent that is none, beside a trace header',
    { traceparent: `00-${ZEROS}-b7ad6b7169203331-01`, 'x-amzn-trace-id': ROOT },
    `${TRACE.slice(16)}-00`,
  ],
])('%s is a valid trace context', (_, headers, rest) => {
  expect(traceOf(headers)).toEqual({ traceId: TRACE, traceparent: `00-${TRACE}-${rest}` })
})

test.each([`Root=1-${ZEROS.slice(24)}-${ZEROS.slice(8)};Parent=b7ad6b7169203331`, 'Root=1-x', ''])(
  '"%s" is no trace',
  header => {
    expect(traceOf({ 'x-amzn-trace-id': header })).toBeUndefined()
  },
)
