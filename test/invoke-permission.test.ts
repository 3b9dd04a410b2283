import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LocalOptions } from '@markvp/mcp-lambda-sam/local'
import { SigV4StreamableHttpTransport } from '@markvp/mcp-lambda-sam-client'
import { Client } from '@modelcontextprotocol/client'
import { describe, expect, onTestFinished, test } from 'vitest'

import { type Call, startEdge } from '../packages/server/test/support/faulty-network.ts'
import { policiesOf } from '../packages/server/test/support/policies.ts'
import { functionArn, startGateway } from './support/gateway.ts'

const ECHO = functionArn('echo')
const GREET = functionArn('greet')

/** The built gateway, with an edge between its registration function and Lambda. */
async function start(options: LocalOptions = {}) {
  const edge = await startEdge()
  const gateway = await startGateway({
    environment: { AWS_ENDPOINT_URL_LAMBDA: edge.url },
    ...options,
  })
  edge.upstream = gateway.lambdaUrl
  const { region, credentials } = gateway
  onTestFinished(async () => {
    await gateway.close()
    await edge.close()
  })
  return {
    ...gateway,
    edge,
    policies: policiesOf(gateway),
    /** What a tool answers, through MCP. */
    async call(name: string, args: Record<string, unknown> = {}) {
      const client = new Client({ name: 'test', version: '1' })
      await client.connect(
        new SigV4StreamableHttpTransport(new URL('/mcp', gateway.mcpUrl), { region, credentials }),
      )
      const { content, isError } = await client.callTool({ name, arguments: args })
      await client.close()
      const [{ text = '' } = {}] = content as { text?: string }[]
      return { text, isError: isError === true }
    },
    /** The status of one PUT: the admin client would send it again by itself. */
    async putOnce(registration: typeof tool) {
      const url = new URL(`/register/tool-${registration.name}`, gateway.registrationUrl)
      const { status } = await gateway.fetch()(url, {
        method: 'PUT',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ type: 'tool', ...registration }),
      })
      return status
    },
    /**
     * Kills the registration function when it comes to the edge with this, which Lambda then
     * never sees.
     */
    killAt(operation: Call['operation']) {
      let killed = false
      edge.hook = call => {
        if (call.operation !== operation || killed) return undefined
        killed = true
        const { pid } =
          gateway.invocations.findLast(it => /registration$/.test(it.functionName)) ?? {}
        if (pid) process.kill(pid, 'SIGKILL')
        return 'cut'
      }
      return () => killed
    },
  }
}

const tool = { name: 'echo', description: 'Echo', lambdaArn: ECHO }

describe('a registration', () => {
  test('grants the invoke permission, and its deletion removes it', async () => {
    const { admin, call, policies } = await start()
    expect(await admin.registerTool(tool)).toMatchObject({ status: { state: 'ready' } })
    expect(await call('echo', { a: 1 })).toMatchObject({ isError: false })
    expect(await policies.statements(ECHO)).toHaveLength(1)
    expect(await admin.remove('tool-echo')).toEqual({ warnings: [] })
    expect(await policies.statements(ECHO)).toEqual([])
    // The developer may do as an administrator of the account may.
    expect(await policies.invoke(ECHO)).toBe(200)
  })

  test('whose permission was removed says so, and can be repaired', async () => {
    const { admin, call, policies } = await start()
    await admin.registerTool(tool)
    const [{ Sid = '' } = {}] = await policies.statements(ECHO)
    await policies.remove(ECHO, Sid)
    const { text, isError } = await call('echo')
    expect(isError).toBe(true)
    expect(text).toContain('repair the registration')
    expect((await admin.get('tool-echo')).status).toMatchObject({
      state: 'missing',
      fix: [expect.stringContaining(`--statement-id ${Sid}`)],
    })
    expect(await admin.repair('tool-echo')).toMatchObject({
      version: 1,
      status: { state: 'ready' },
    })
    expect(await call('echo')).toMatchObject({ isError: false })
  })

  test('of an alias is not covered by the permission of the function', async () => {
    const { admin, call, policies } = await start()
    await admin.registerTool(tool)
    await admin.registerTool({ ...tool, name: 'live', lambdaArn: `${ECHO}:live` })
    expect(await call('live')).toMatchObject({ isError: false })
    const [{ Sid = '' } = {}] = await policies.statements(`${ECHO}:live`)
    await policies.remove(`${ECHO}:live`, Sid)
    expect(await call('live')).toMatchObject({ isError: true })
    expect(await call('echo')).toMatchObject({ isError: false })
  })

  test('can be called while Lambda still denies a fresh permission', async () => {
    const { admin, call, edge } = await start()
    await admin.registerTool(tool)
    let denials = 2
    edge.hook = ({ operation }) =>
      operation === 'Invoke' && denials-- > 0
        ? { status: 403, type: 'AccessDeniedException', body: { Message: 'not yet' } }
        : undefined
    expect(await call('echo')).toMatchObject({ isError: false })
    expect(denials).toBeLessThan(0)
  })

  test('is kept with its permission in the data folder', async () => {
    const data = await mkdtemp(join(tmpdir(), 'grants-'))
    onTestFinished(() => rm(data, { recursive: true }))
    const first = await start({ data })
    await first.admin.registerTool(tool)
    await first.close()
    const second = await start({ data })
    expect((await second.admin.get('tool-echo')).status).toEqual({ state: 'ready' })
    expect(await second.call('echo')).toMatchObject({ isError: false })
  })
})

describe('a killed registration function', () => {
  test('leaves a registration without its permission, which repair completes', async () => {
    const { admin, call, policies, killAt, putOnce } = await start()
    const killed = killAt('AddPermission')
    expect([await putOnce(tool), killed()]).toEqual([502, true])
    expect((await admin.get('tool-echo')).status).toMatchObject({ state: 'missing' })
    expect(await call('echo')).toMatchObject({ isError: true })
    expect((await admin.repair('tool-echo')).status).toEqual({ state: 'ready' })
    expect(await policies.statements(ECHO)).toHaveLength(1)
    expect(await call('echo')).toMatchObject({ isError: false })
  })

  test('is completed by the next PUT', async () => {
    const { admin, call, killAt, putOnce } = await start()
    killAt('AddPermission')
    expect(await putOnce(tool)).toBe(502)
    const { status } = await admin.update('tool-echo', { type: 'tool', ...tool })
    expect(status).toEqual({ state: 'ready' })
    expect(await call('echo')).toMatchObject({ isError: false })
  })

  test('leaves an old permission after a move, which repair removes', async () => {
    const { admin, policies, killAt, putOnce } = await start()
    await admin.registerTool(tool)
    const killed = killAt('RemovePermission')
    expect([await putOnce({ ...tool, lambdaArn: GREET }), killed()]).toEqual([502, true])
    expect(await admin.get('tool-echo')).toMatchObject({ lambdaArn: GREET, version: 2 })
    expect([await policies.statements(ECHO), await policies.statements(GREET)]).toMatchObject([
      [{}],
      [{}],
    ])
    await admin.repair('tool-echo')
    expect([await policies.statements(ECHO), await policies.statements(GREET)]).toMatchObject([
      [],
      [{}],
    ])
  })

  test('leaves a permission after DELETE, which a repeated DELETE removes', async () => {
    const { admin, policies, killAt } = await start()
    await admin.registerTool(tool)
    const killed = killAt('RemovePermission')
    await admin.remove('tool-echo')
    expect(killed()).toBe(true)
    expect(await policies.statements(ECHO)).toEqual([])
  })
})
