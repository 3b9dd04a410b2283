import { EventEmitter } from 'node:events'
import { afterEach, expect, test } from 'vitest'

import { type Context, defineTool } from '../../src/authoring/index.ts'
import { installGlobals, STREAMING } from '../../src/local/runtime/globals.ts'

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

/** The other end of a function's stream: it has room, or has none until it is drained. */
class Wire extends EventEmitter {
  lines: unknown[] = []
  ended = 0
  room = true

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

function streaming(run: (ctx: Context) => unknown) {
  installGlobals()
  const handler = defineTool({ name: 'it', run: (_, ctx) => run(ctx) })
  const wire = new Wire()
  return { handler, wire, ended: handler(event(), wire, lambda) }
}

const progress = (n: number) => ({ method: 'notifications/progress', params: { progress: n } })
const done = { result: { content: [{ type: 'text', text: 'done' }] } }

test('where Lambda streams, lines are written as they come, and the final line ends them', async () => {
  const { handler, wire, ended } = streaming(async ctx => {
    await ctx.progress(1)
    expect(wire.lines).toEqual([progress(1)])
    await ctx.log('info', 'x')
    return 'done'
  })
  expect(Object(handler)[STREAMING]).toBe('response')
  expect(await ended, 'what a streaming handler returns is ignored with a warning').toBeUndefined()
  expect(wire.lines).toEqual([
    progress(1),
    { method: 'notifications/message', params: { level: 'info', data: 'x' } },
    done,
  ])
  expect(wire.ended).toBe(1)
})

test('where nothing streams, the final line is what is returned', async () => {
  const handler = defineTool({
    name: 'it',
    async run(_, ctx) {
      await ctx.progress(1)
      return 'done'
    },
  })
  expect(Object(handler)[STREAMING]).toBeUndefined()
  // Lambda refuses handlers that take a callback.
  expect(handler.length).toBeLessThan(3)
  expect(await handler(event(), lambda)).toEqual(done)
  expect(await handler(event()), 'called by hand').toEqual(done)
})

test('what was not awaited is written in order before the final line, and nothing behind it', async () => {
  let late: Context | undefined
  const { wire, ended } = streaming(ctx => {
    late = ctx
    wire.room = false
    for (const n of [1, 2, 3]) void ctx.progress(n)
    return 'done'
  })
  await new Promise(resolve => setTimeout(resolve, 20))
  expect(wire.lines).toEqual([progress(1)])
  wire.room = true
  wire.emit('drain')
  await ended
  await late?.progress(4)
  await late?.log('info', 'too late')
  expect(wire.lines).toEqual([progress(1), progress(2), progress(3), done])
})

test('a function waits while its client takes nothing', async () => {
  let at = 0
  const { wire, ended } = streaming(async ctx => {
    for (const n of [1, 2, 3]) {
      wire.room = n !== 2
      await ctx.progress(n)
      at = n
    }
    return 'done'
  })
  await new Promise(resolve => setTimeout(resolve, 20))
  expect(at).toBe(1)
  expect(wire.lines).toHaveLength(2)
  wire.emit('drain')
  await ended
  expect(wire.lines).toHaveLength(4)
  expect(wire.eventNames(), 'nothing is left listening').toEqual([])
})

test('a function goes on when there is nobody left to take anything', async () => {
  const { wire, ended } = streaming(async ctx => {
    wire.room = false
    await ctx.progress(1)
    return 'done'
  })
  await new Promise(resolve => setImmediate(resolve))
  wire.emit('close')
  await ended
})

test('the event loop turns while a computation reports', async () => {
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

test('a tool is told when its time is up, half a second before Lambda ends it', async () => {
  installGlobals()
  const handler = defineTool({
    name: 'it',
    async run(_, { signal }) {
      await new Promise(resolve => signal.addEventListener('abort', resolve))
      return 'done'
    },
  })
  const wire = new Wire()
  const started = performance.now()
  await handler(event(), wire, { ...lambda, getRemainingTimeInMillis: () => 600.5 })
  expect(performance.now() - started).toBeGreaterThan(90)
  expect(performance.now() - started).toBeLessThan(400)
  expect(wire.lines).toEqual([done])
})
