import { fileURLToPath } from 'node:url'
import { createContext, runInContext } from 'node:vm'
import { type BuildOptions, build } from 'esbuild'
import { beforeAll, describe, expect, test } from 'vitest'

import type * as Client from '../src/index.ts'
import { serve } from './support/server.ts'
import { KEY, REGION, refusalOf } from './support/verifier.ts'

/** What browsers and Workers have in common. There is no `process` and no `Buffer`. */
const { AbortController, btoa, DOMException, fetch, Headers, MessageChannel, Request } = globalThis
const { Response, setTimeout, clearTimeout, TextDecoder, TextEncoder, URL } = globalThis
const WEB = {
  ...{ AbortController, btoa, DOMException, fetch, Headers, MessageChannel, Request },
  ...{ Response, setTimeout, clearTimeout, TextDecoder, TextEncoder, URL },
}

const BUNDLES: Record<string, BuildOptions> = {
  'esbuild --platform=browser': { platform: 'browser' },
  'esbuild --conditions=workerd': { conditions: ['workerd'] },
}

describe.each(Object.entries(BUNDLES))('a bundle of %s', (_, options) => {
  let client: typeof Client

  beforeAll(async () => {
    const { outputFiles } = await build({
      ...options,
      entryPoints: [fileURLToPath(import.meta.resolve('@markvp/mcp-lambda-sam-client'))],
      bundle: true,
      write: false,
      format: 'iife',
      globalName: 'client',
      logLevel: 'silent',
    })
    const context = createContext({ ...WEB })
    runInContext(outputFiles?.[0]?.text ?? '', context)
    client = runInContext('client', context)
  })

  test('signs a request with the portable hash', async () => {
    const { url, received } = await serve((_request, response) => response.end('signed'))
    const signed = client.signedFetch({ credentials: KEY, region: REGION })
    const response = await signed(`${url}/ä?q=one two`, { method: 'POST', body: '{"ä":"日本"}' })

    expect(await response.text()).toBe('signed')
    expect(received.map(it => refusalOf(it, KEY))).toEqual([undefined])
  })

  test('says that credentials must be passed', async () => {
    const signed = client.signedFetch({ region: REGION })
    await expect(signed('http://127.0.0.1/')).rejects.toMatchObject({
      code: 'no_credentials',
      hint: expect.stringContaining('Pass the option "credentials"'),
    })
  })
})
