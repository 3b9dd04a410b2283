// A tool made with `defineTool` and a Zod schema. `mode` chooses what it does.
import { appendFileSync, existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { defineTool } from '@markvp/mcp-lambda-sam-functions'
import { z } from 'zod'

/** @typedef {import('@markvp/mcp-lambda-sam-functions').Context} Context */

/** @satisfies {Record<string, (ctx: Context, file: string, at: Date) => unknown>} */
const modes = {
  async wait(ctx, file) {
    await ctx.progress(1, { total: 2, message: 'half way' })
    await ctx.log('info', { half: 'way' }, 'authored')
    while (!existsSync(file)) await sleep(20)
    return 'done'
  },
  /** Awaits only its progress reports, as a computation does. */
  async compute(ctx, file) {
    for (let n = 1; !existsSync(file); n++) {
      const until = performance.now() + 20
      while (performance.now() < until);
      await ctx.progress(n)
    }
    return 'done'
  },
  async rounds(ctx, file) {
    await ctx.once('mark', () => appendFileSync(file, 'once '))
    appendFileSync(file, 'run ')
    const said = []
    for (const key of ['first', 'second']) {
      const schema = z.object({ answer: z.string().min(2, 'two letters at least') })
      const answer = await ctx.elicit(key, { message: `${key}?`, schema })
      said.push('content' in answer ? answer.content.answer : answer.action)
    }
    return said.join()
  },
  async together(ctx) {
    const [form, roots, word] = await Promise.all([
      ctx.elicit('form', { message: 'form?' }),
      ctx.roots(),
      ctx.sample('word', {
        maxTokens: 10,
        messages: [{ role: 'user', content: { type: 'text', text: 'A word?' } }],
      }),
    ])
    return [form.action, roots[0]?.uri, textOf(word.content)].join()
  },
  async confirm(ctx, file) {
    const { action } = await ctx.elicit('sure', { message: 'Sure?' })
    appendFileSync(file, action)
    return action
  },
  throw() {
    throw new RangeError('no such city')
  },
  event: (ctx, _file, at) => ({ at: at.toISOString(), name: ctx.name, caller: ctx.caller.arn }),
}

export const handler = defineTool({
  name: 'authoredtool',
  title: 'Authored',
  description: 'What the kit can do',
  input: z.object({
    mode: z.enum(/** @type {(keyof typeof modes)[]} */ (Object.keys(modes))),
    file: z.string().optional(),
    at: z.iso
      .datetime()
      .default('2026-07-28T00:00:00Z')
      .transform(at => new Date(at)),
  }),
  run: ({ mode, file = '', at }, ctx) => modes[mode](ctx, file, at),
})

/** @param {object} content */
function textOf(content) {
  return 'text' in content ? content.text : undefined
}
