import { describe, expect, test, vi } from 'vitest'
import { z } from 'zod'

import { type Context, defineTool, testFunction } from '../src/index.ts'

const tool = (run: (ctx: Context) => unknown) =>
  defineTool({ name: 'it', run: (_, ctx) => run(ctx) })

const yes = { action: 'accept', content: {} } as const

describe('a question to the client', () => {
  test('ends the run, and the next run gets the response', async () => {
    let runs = 0
    const it = tool(async ctx => {
      runs++
      const answer = await ctx.elicit('name', {
        message: 'Who?',
        schema: z.object({ name: z.string().trim() }),
      })
      return answer.action === 'accept' ? answer.content.name : answer.action
    })
    const answers = { name: { action: 'accept', content: { name: ' Ada ' } } } as const
    const tested = await testFunction(it, {}, { answers })
    expect(tested).toMatchObject({ text: 'Ada', rounds: 2 })
    expect(tested.questions).toEqual([
      {
        key: 'name',
        method: 'elicitation/create',
        params: {
          message: 'Who?',
          requestedSchema: {
            type: 'object',
            properties: { name: { type: 'string' } },
            required: ['name'],
          },
        },
      },
    ])
    expect(runs).toBe(2)
    for (const action of ['decline', 'cancel'] as const)
      expect(await testFunction(it, {}, { answers: { name: { action } } })).toMatchObject({
        text: action,
      })
  })

  test('without a schema asks the user to agree', async () => {
    const it = tool(async ctx => (await ctx.elicit('ok', { message: 'OK?' })).action)
    expect(await testFunction(it, {}, { answers: { ok: yes } })).toMatchObject({
      text: 'accept',
      questions: [{ params: { requestedSchema: { type: 'object', properties: {} } } }],
    })
  })

  test('keeps its response in all following rounds', async () => {
    const it = tool(async ctx => {
      const said = []
      for (const key of ['a', 'b', 'c']) {
        const schema = { type: 'object', properties: { it: { type: 'string' } } } as const
        const answer = await ctx.elicit(key, { message: key, schema })
        said.push(answer.action === 'accept' && answer.content.it)
      }
      return said.join()
    })
    const answer = (it: string) => ({ action: 'accept', content: { it } }) as const
    const answers = { a: answer('1'), b: answer('2'), c: answer('3') }
    expect(await testFunction(it, {}, { answers })).toMatchObject({
      text: '1,2,3',
      rounds: 4,
      questions: [{ key: 'a' }, { key: 'b' }, { key: 'c' }],
    })
  })

  test('may have a number as its key, and so may once', async () => {
    let acts = 0
    const it = tool(async ctx => {
      await ctx.once(1 as never, () => ++acts)
      return (await ctx.elicit(1 as never, { message: 'OK?' })).action
    })
    expect(await testFunction(it, {}, { answers: { 1: yes } })).toMatchObject({ text: 'accept' })
    expect(acts).toBe(1)
  })

  test('whose schema is an object of schemas fails, and says the fix', async () => {
    const it = tool(ctx => ctx.elicit('ok', { message: 'OK?', schema: { ok: z.boolean() } }))
    expect((await testFunction(it, {})).text).toMatch(/elicit\('ok'\).*z\.object/)
  })

  test('is sent together with other questions that are asked at once', async () => {
    const sampled = {
      role: 'assistant',
      model: 'm',
      content: { type: 'text', text: 'moon' },
    } as const
    const it = tool(async ctx => {
      const [ok, roots, word] = await Promise.all([
        ctx.elicit('ok', { message: 'OK?' }),
        ctx.roots(),
        ctx.sample('word', { messages: [], maxTokens: 5 }),
      ])
      return [ok.action, roots[0]?.uri, word.content.text].join()
    })
    const roots = { roots: [{ uri: 'file:///home' }] }
    const answers = { ok: yes, roots, word: sampled }
    expect(await testFunction(it, {}, { answers })).toMatchObject({
      text: 'accept,file:///home,moon',
      rounds: 2,
      questions: [
        { method: 'elicitation/create' },
        { method: 'roots/list' },
        { method: 'sampling/createMessage', params: { maxTokens: 5 } },
      ],
    })
  })

  test('causes no unhandled rejection when it is not awaited yet', async () => {
    const rejected = vi.fn()
    process.on('unhandledRejection', rejected)
    const it = tool(async ctx => {
      const a = ctx.elicit('a', { message: 'a' })
      const b = ctx.elicit('b', { message: 'b' })
      return [(await a).action, (await b).action].join()
    })
    expect(await testFunction(it, {}, { answers: { a: yes, b: yes } })).toMatchObject({
      text: 'accept,accept',
      rounds: 2,
    })
    await new Promise(resolve => setImmediate(resolve))
    process.off('unhandledRejection', rejected)
    expect(rejected).not.toHaveBeenCalled()
  })

  test('is asked although the author caught the error that ends the run', async () => {
    for (const caught of [() => 'swallowed', () => Promise.reject(new Error('wrapped'))]) {
      const it = tool(async ctx => {
        try {
          return (await ctx.elicit('ok', { message: 'OK?' })).action
        } catch {
          return caught()
        }
      })
      expect(await testFunction(it, {}, { answers: { ok: yes } })).toMatchObject({
        text: 'accept',
        rounds: 2,
      })
    }
  })

  test('is asked again with the faults until the response matches the schema', async () => {
    const standard = z.object({ age: z.number().min(18, 'must be an adult') })
    const plain = {
      type: 'object',
      properties: { age: { type: 'integer', minimum: 18 }, note: { type: 'string' } },
      required: ['age'],
    } as const
    for (const schema of [standard, plain]) {
      const contents = [{ age: 'ten' }, { age: 10 }, {}, { age: 20 }]
      const answers = {
        age: () => ({ action: 'accept' as const, content: contents.shift() }),
      }
      const it = tool(async ctx =>
        JSON.stringify(await ctx.elicit('age', { message: 'Age?', schema })),
      )
      const { text, questions } = await testFunction(it, {}, { answers })
      expect(text).toBe('{"action":"accept","content":{"age":20}}')
      expect(questions.map(it => it.params?.['message'])).toEqual([
        'Age?',
        expect.stringMatching(/^Age\?\n\nThe answer did not fit\. age: /),
        expect.stringMatching(/age: (must be an adult|must be at least 18)$/),
        expect.stringMatching(/age: /),
      ])
    }
  })

  test.each([
    ['string', { type: 'string', minLength: 2 }, 'ok', 'x'],
    ['a choice', { type: 'string', enum: ['a', 'b'] }, 'b', 'c'],
    ['a titled choice', { type: 'string', oneOf: [{ const: 'a', title: 'A' }] }, 'a', 'A'],
    ['several choices', { type: 'array', items: { type: 'string', enum: ['a'] } }, ['a'], ['b']],
    [
      'few choices',
      { type: 'array', items: { anyOf: [{ const: 'a' }] }, maxItems: 1 },
      ['a'],
      ['a', 'a'],
    ],
    ['a boolean', { type: 'boolean' }, false, 'no'],
    ['an integer', { type: 'integer', maximum: 5 }, 5, 5.5],
    ['a number', { type: 'number', maximum: 5 }, 4.5, 6],
  ])('with plain JSON Schema is validated too: %s', async (_, field, good, bad) => {
    const it = tool(async ctx => {
      const schema = { type: 'object', properties: { field } }
      return JSON.stringify(await ctx.elicit('it', { message: '?', schema }))
    })
    const values = [bad, good]
    const answers = {
      it: () => ({ action: 'accept' as const, content: { field: values.shift() } }),
    }
    expect(await testFunction(it, {}, { answers })).toMatchObject({
      text: JSON.stringify({ action: 'accept', content: { field: good } }),
      rounds: 3,
    })
  })

  test.each(['yes', null, { action: 'agree' }, []])(
    'is asked again after an invalid response: %j',
    async garbage => {
      const given = [garbage, yes]
      const answers = { ok: () => given.shift() as typeof yes }
      const it = tool(async ctx => (await ctx.elicit('ok', { message: 'OK?' })).action)
      expect(await testFunction(it, {}, { answers })).toMatchObject({ text: 'accept', rounds: 3 })
    },
  )

  test('needs a key of its own in one run', async () => {
    const log = vi.spyOn(console, 'error').mockImplementation(() => {})
    const it = tool(async ctx => {
      for (let n = 0; n < 3; n++) await ctx.elicit('more', { message: 'More?' })
    })
    const { isError, text } = await testFunction(it, {}, { answers: { more: yes } })
    expect(isError).toBe(true)
    expect(text).toContain('"more"')
    log.mockRestore()
  })

  test('may have a key that is a property of every object', async () => {
    const it = tool(async ctx => {
      const a = await ctx.elicit('__proto__', { message: '?' })
      const b = await ctx.elicit('constructor', { message: '?' })
      return [a.action, b.action].join()
    })
    const answers = JSON.parse(
      '{"__proto__": {"action": "accept"}, "constructor": {"action": "decline"}}',
    )
    expect(await testFunction(it, {}, { answers })).toMatchObject({ text: 'accept,decline' })
  })

  test('without a response in testFunction is an error that names it', async () => {
    const it = tool(ctx => ctx.elicit('confirm', { message: 'Delete it?' }))
    await expect(testFunction(it, {})).rejects.toThrow(/"confirm" was asked .*Delete it\?/)
    let asked = 0
    const answers = { confirm: () => ({ action: asked++ as unknown as 'cancel' }) }
    await expect(testFunction(it, {}, { answers })).rejects.toThrow(
      /asks without end: "confirm" \(Delete it\?\)/,
    )
    const form = tool(ctx =>
      ctx.elicit('ok', { message: 'OK?', schema: { properties: { ok: { type: 'boolean' } } } }),
    )
    const wrong = { ok: { action: 'accept', content: { ok: 'yes' } } } as const
    await expect(testFunction(form, {}, { answers: wrong })).rejects.toThrow(
      /without end: "ok" \(OK\?.*ok: must be of the type boolean/s,
    )
    expect(asked).toBe(8)
  })
})

describe('ctx.once', () => {
  test('does not run again after a question, and returns the first result', async () => {
    let times = 0
    const it = tool(async ctx => {
      const first = await ctx.once('first', () => ({ at: new Date(0), n: ++times }))
      await ctx.elicit('ok', { message: 'OK?' })
      await ctx.once('nothing', () => void times++)
      await ctx.elicit('sure', { message: 'Sure?' })
      return [first.at, first.n, await ctx.once('last', () => ++times)].join()
    })
    const { text, rounds } = await testFunction(it, {}, { answers: { ok: yes, sure: yes } })
    expect({ text, rounds, times }).toEqual({
      text: '1970-01-01T00:00:00.000Z,1,3',
      rounds: 3,
      times: 3,
    })
  })

  test('keeps the result of a call that was still running when a question was asked', async () => {
    let times = 0
    const it = tool(async ctx => {
      const slow = async () => {
        await new Promise(resolve => setImmediate(resolve))
        return ++times
      }
      const [n] = await Promise.all([ctx.once('slow', slow), ctx.elicit('ok', { message: 'OK?' })])
      return `${n}`
    })
    expect(await testFunction(it, {}, { answers: { ok: yes } })).toMatchObject({ text: '1' })
    expect(times).toBe(1)
  })

  test('runs again after a failure', async () => {
    let times = 0
    const it = tool(async ctx => {
      const failing = () => {
        if (++times === 1) throw new Error('try again')
        return 'done'
      }
      const result = await ctx.once('it', failing).catch(error => error.message)
      await ctx.elicit('ok', { message: 'OK?' })
      return result
    })
    expect(await testFunction(it, {}, { answers: { ok: yes } })).toMatchObject({ text: 'done' })
  })
})

describe('an event', () => {
  const context = { type: 'tool', name: 'it', caller: {} }
  const call = (handler: ReturnType<typeof tool>, params: object) =>
    handler({ method: 'tools/call', params: { name: 'it', ...params }, context })
  const asking = tool(async ctx => (await ctx.elicit('ok', { message: 'OK?' })).action)

  test.each([
    'garbage',
    '',
    '[]',
    'null',
    '{}',
    '{"asked":"ok","answers":{},"done":{}}',
    '{"asked":[1],"answers":{},"done":{}}',
    '{"asked":[],"answers":[],"done":{}}',
    '{"asked":[],"answers":{},"done":{"it":1}}',
    '{"asked":[],"answers":{},"done":{"it":[1,2]}}',
    7,
    {},
  ])('with a malformed requestState is an error: %j', async requestState => {
    expect(await call(asking, { requestState })).toEqual({
      error: { code: -32602, message: 'Invalid requestState' },
    })
  })

  test('with a response to a question that was not asked is ignored', async () => {
    const inputResponses = { ok: yes }
    expect(await call(asking, { inputResponses })).toMatchObject({
      result: { resultType: 'input_required', inputRequests: { ok: {} } },
    })
    const requestState = JSON.stringify({ asked: ['other'], answers: {}, done: {} })
    expect(await call(asking, { inputResponses, requestState })).toMatchObject({
      result: { resultType: 'input_required' },
    })
  })

  test.each([null, [], 'ok', { ok: null }])(
    'with malformed responses makes the function ask again: %j',
    async inputResponses => {
      const requestState = JSON.stringify({ asked: ['ok'], answers: {}, done: {} })
      expect(await call(asking, { inputResponses, requestState })).toMatchObject({
        result: { resultType: 'input_required', inputRequests: { ok: {} } },
      })
    },
  )

  test('with responses in its requestState is validated like one from the client', async () => {
    const forged = { asked: [], answers: { ok: { action: 'forged' } }, done: {} }
    expect(await call(asking, { requestState: JSON.stringify(forged) })).toMatchObject({
      result: { resultType: 'input_required' },
    })
  })

  test('that is not an MCP request, or has another method, is an error with the reason', async () => {
    expect(await asking({ city: 'Berlin' })).toEqual({
      error: { code: -32600, message: expect.stringContaining('"contract": "mcp"') },
    })
    expect(await asking({ method: 'prompts/get', params: {}, context })).toEqual({
      error: { code: -32601, message: expect.stringContaining('accepts tools/call') },
    })
    expect(await asking({ method: 'completion/complete', params: {}, context })).toMatchObject({
      error: { code: -32601 },
    })
  })
})
