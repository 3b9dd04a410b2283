import { expect, test } from 'vitest'

import { traceHeader } from '../../src/aws/trace-header.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const traceparent = `00-${TRACE}-b7ad6b7169203331-01`
const ROOT = 'Root=1-0af76519-16cd43dd8448eb211c80319c'

test('the trace of a client takes the place of Root and Parent, and the rest stays', () => {
  const own =
    'Root=1-65f1c1a0-0123456789abcdef01234567;Parent=0123456789abcdef;Sampled=0;Lineage=1:a:2'
  expect(traceHeader(own, traceparent)).toBe(
    `${ROOT};Parent=b7ad6b7169203331;Sampled=0;Lineage=1:a:2`,
  )
})

test('without such a trace, or in the same one, the header of the environment stays', () => {
  const own = `${ROOT};Parent=0123456789abcdef;Sampled=1`
  for (const it of [undefined, '', traceparent, `01-${TRACE}`, 'x'.repeat(5_000)])
    expect(traceHeader(own, it)).toBe(own)
  expect(traceHeader(undefined, undefined)).toBe('')
  expect(traceHeader(undefined, traceparent)).toBe(`${ROOT};Parent=b7ad6b7169203331`)
})
