import { EventEmitter } from 'node:events'
import { afterEach, expect, test, vi } from 'vitest'
import { installGlobals, STREAMING } from '../../server/src/local/runtime/globals.ts'
import { type Context, defineTool } from '../src/index.ts'

const scope = globalThis as { awslambda?: object | undefined }
afterEach(() => {
  delete scope.awslambda
})

const event = (args = {}) => ({
  method: 'tools/call',
  params: { name: 'it', arguments: args },
  context: { type: 'tool', name: 'it', caller: {} },
})
const lambda = { awsRequestId: 'r', getRemainingTimeInMillis: () => 10_000 }

/** The receiver of a function's stream. Without `room` a write applies back-pressure. */
class Wire extends EventEmitter {
  lines: unknown[] = []
  ended = 0
  room = true
  destroyed = false

  write(chunk: string) {
    if (this.ended) throw new Error('write after end')
    expect(chunk.endsWith('\n')).toBe(true)
    this.lines.push(JSON.parse(chunk))
    return this.room
  }
  end() {
    this.ended++
  }
}

/** Ten turns of the event loop: far more than a line needs that could be written now. */
async function turns() {
  for (let n = 0; n < 10; n++) await new Promise(resolve => setImmediate(resolve))
}

function streaming(run: (ctx: Context) => unknown) {
  installGlobals()
  const handler = defineTool({ name: 'it', run: (_, ctx) => run(ctx) })
  const wire = new Wire()
  return { handler, wire, ended: handler(event(), wire, lambda) }
}

/** The mark of a streaming handler, which Lambda's runtime reads. */
const streamingMode = (handler: object) => (handler as { [STREAMING]?: unknown })[STREAMING]

const progress = (n: number) => ({ method: 'notifications/progress', params: { progress: n } })
const done = { result: { content: [{ type: 'text', text: 'done' }] } }

test('in the runtime of Lambda, writes each line at once and ends with the final line', async () => {
  const { handler, wire, ended } = streaming(async ctx => {
    await ctx.progress(1)
    expect(wire.lines).toEqual([progress(1)])
    await ctx.log('info', 'x')
    return 'done'
  })
  expect(streamingMode(handler)).toBe('response')
  expect(await ended, 'what a streaming handler returns is ignored with a warning').toBeUndefined()
  expect(wire.lines).toEqual([
    progress(1),
    { method: 'notifications/message', params: { level: 'info', data: 'x' } },
    done,
  ])
  expect(wire.ended).toBe(1)
})

test('outside the runtime of Lambda, returns the final line', async () => {
  const handler = defineTool({
    name: 'it',
    async run(_, ctx) {
      await ctx.progress(1)
      return 'done'
    },
  })
  expect(streamingMode(handler)).toBeUndefined()
  // Lambda refuses handlers with a callback.
  expect(handler.length).toBeLessThan(3)
  expect(await handler(event(), lambda)).toEqual(done)
  expect(await handler(event()), 'without a context').toEqual(done)
  expect(await handler(event(), {}), 'with a part of one').toEqual(done)
})

test('writes calls without await in order before the final line, and none after it', async () => {
  let late: Context | undefined
  const { wire, ended } = streaming(ctx => {
    late = ctx
    wire.room = false
    for (const n of [1, 2, 3]) void ctx.progress(n)
    return 'done'
  })
  await turns()
  expect(wire.lines).toEqual([progress(1)])
  wire.room = true
  wire.emit('drain')
  await ended
  await late?.progress(4)
  await late?.log('info', 'too late')
  expect(wire.lines).toEqual([progress(1), progress(2), progress(3), done])
})

test('applies the back-pressure of the client to the function', async () => {
  let at = 0
  const { wire, ended } = streaming(async ctx => {
    for (const n of [1, 2, 3]) {
      wire.room = n !== 2
      await ctx.progress(n)
      at = n
    }
    return 'done'
  })
  await turns()
  expect(at).toBe(1)
  expect(wire.lines).toHaveLength(2)
  wire.emit('drain')
  await ended
  expect(wire.lines).toHaveLength(4)
  expect(wire.eventNames(), 'nothing is left listening').toEqual([])
})

test('goes on when the stream is closed', async () => {
  const { wire, ended } = streaming(async ctx => {
    wire.room = false
    await ctx.progress(1)
    // No event follows.
    await ctx.progress(2)
    return 'done'
  })
  await turns()
  wire.destroyed = true
  wire.emit('close')
  await ended
})

test('turns the event loop during progress, so that it is sent', async () => {
  let turned = false
  const { ended } = streaming(async ctx => {
    setImmediate(() => {
      turned = true
    })
    await ctx.progress(1)
    return `${turned}`
  })
  await ended
  expect(turned).toBe(true)
})

test('aborts the signal half a second before the time-out of the function', async () => {
  const timeout = vi.spyOn(AbortSignal, 'timeout')
  installGlobals()
  const handler = defineTool({
    name: 'it',
    async run(_, { signal }) {
      await new Promise(resolve => signal.addEventListener('abort', resolve))
      return 'done'
    },
  })
  const wire = new Wire()
  await handler(event(), wire, { ...lambda, getRemainingTimeInMillis: () => 600.5 })
  expect(timeout).toHaveBeenCalledExactlyOnceWith(100)
  timeout.mockRestore()
  expect(wire.lines).toEqual([done])
})
