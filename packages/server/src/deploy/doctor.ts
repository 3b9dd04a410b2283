import { readRefusal, type SigningOptions, signedFetch } from '@markvp/mcp-lambda-sam-client/sigv4'

import { signIn } from './account.ts'

/** One thing that was looked at. With a `fix` it is wrong, and nothing behind it was looked at. */
export interface Finding {
  step: Step
  message: string
  fix?: string
}

type Step = 'credentials' | 'network' | 'clock' | 'signature' | 'permission' | 'health' | 'call'

export interface Patient {
  /** McpUrl or RegistrationUrl. */
  url: string
  region?: string | undefined
  profile?: string | undefined
}

/** Goes the way of a call step by step, up to the first that fails. */
export async function* diagnose({ url: text, region, profile }: Patient): AsyncGenerator<Finding> {
  const signing: SigningOptions = {
    ...(region !== undefined && { region }),
    ...(profile !== undefined && { profile }),
  }
  if (!URL.canParse(text)) {
    yield wrong('network', `"${text}" is not a URL`, 'Give the McpUrl output of the stack.')
    return
  }
  const url = new URL(text)
  url.pathname = url.pathname.replace(/(\/(sse|mcp|message|register|health))?\/*$/, '')

  const credentials = await signs(url, signing)
  yield credentials
  if (credentials.fix) return

  const door = await knock(url)
  yield* door
  if (door.at(-1)?.fix) return

  const answer = await ask(url, signing)
  for (const finding of 'findings' in answer ? answer.findings : []) yield finding
  if (!('response' in answer)) return
  yield { step: 'signature', message: 'accepted' }
  yield { step: 'permission', message: 'the caller may call the URL' }

  const health = await examine(answer.response, url)
  yield health.finding
  if (health.finding.fix) return
  yield health.isGateway ? await listTools(url, signing) : await listRegistrations(url, signing)
}

/** Below a path prefix, where there is one. */
const at = (url: URL, path: string) => new URL(`${url.href.replace(/\/$/, '')}${path}`)

const wrong = (step: Step, message: string, fix: string): Finding => ({ step, message, fix })

/** Signs a request and keeps it: what is needed for that is found before anything is sent. */
async function signs(url: URL, signing: SigningOptions): Promise<Finding> {
  let authorization = ''
  const fetch = signedFetch({
    ...signing,
    async fetch(_, init) {
      authorization = new Headers(init?.headers).get('authorization') ?? ''
      return new Response('')
    },
  })
  try {
    await fetch(at(url, '/health'))
  } catch (error) {
    return failed('credentials', error)
  }
  const [, key = '', region, service] =
    /Credential=([^/]+)\/\d+\/([^/]+)\/([^/]+)/.exec(authorization) ?? []
  const message = `found, access key …${key.slice(-4)}; signs for ${service} in ${region}`
  return { step: 'credentials', message }
}

/** Without a signature: whether there is anything at that address, and what time it is there. */
async function knock(url: URL): Promise<Finding[]> {
  let response: Response
  try {
    response = await fetch(at(url, '/health'), {
      redirect: 'manual',
      signal: AbortSignal.timeout(20_000),
    })
  } catch (error) {
    return [wrong('network', `${url.host}: ${reasonOf(error)}`, networkFix(reasonOf(error)))]
  }
  await response.body?.cancel()
  const reached: Finding = { step: 'network', message: `${url.host} answers` }
  if (response.ok)
    return [
      wrong(
        'network',
        `${url.host} answers anybody, without a signature`,
        'Set the AuthType of the Function URL to AWS_IAM: deploy the stack again.',
      ),
    ]
  return [reached, ...clock(response.headers.get('date'))]
}

function clock(date: string | null): Finding[] {
  const skew = Math.round((Date.now() - Date.parse(date ?? '')) / 1000)
  if (Number.isNaN(skew)) return []
  const words = `${Math.abs(skew)} s ${skew < 0 ? 'behind' : 'ahead of'} AWS`
  // Signatures are good for five minutes in both directions.
  return Math.abs(skew) < 300
    ? [{ step: 'clock', message: Math.abs(skew) < 2 ? 'right' : words }]
    : [wrong('clock', words, 'Set the clock of this machine; AWS refuses what is 5 minutes off.')]
}

type Answer = { response: Response } | { findings: Finding[] }

async function ask(url: URL, signing: SigningOptions): Promise<Answer> {
  let response: Response
  try {
    response = await signedFetch(signing)(at(url, '/health'), {
      signal: AbortSignal.timeout(60_000),
    })
  } catch (error) {
    return { findings: [failed('network', error)] }
  }
  if (response.status !== 403 && response.status !== 401) return { response }
  const error = await readRefusal(response, { ...signing, url, isRepeatable: true })
  if (error.code !== 'access_denied') return { findings: [failed('signature', error)] }
  return {
    findings: [
      { step: 'signature', message: 'accepted' },
      wrong('permission', error.message, await permissionFix(url, signing)),
    ],
  }
}

/** IAM never says which of the two actions was missing, so the fix is for both. */
async function permissionFix(url: URL, { region, profile }: SigningOptions & { profile?: string }) {
  const caller = await signIn({ region: regionOfHost(url) ?? region, profile }).then(
    it => it.callerArn,
    () => undefined, // what is found out here only completes the advice
  )
  const to = caller?.replace(/^arn:([^:]+):sts::(\d+):assumed-role\/([^/]+)\/.*$/, ROLE) ?? '<ARN>'
  return [
    'The URL has been deleted, or the caller lacks lambda:InvokeFunctionUrl or lambda:InvokeFunction; it needs both.',
    `An administrator of the stack gives them with: mcp-lambda-sam grant --as client --to ${to}`,
    '(--as admin for the registration URL); "mcp-lambda-sam policy" prints the policy for the caller itself.',
  ].join('\n')
}

const ROLE = 'arn:$1:iam::$2:role/$3'

const regionOfHost = ({ hostname }: URL) => /\.lambda-url\.([^.]+)\.on\.aws$/.exec(hostname)?.[1]

async function examine(
  response: Response,
  url: URL,
): Promise<{ finding: Finding; isGateway: boolean }> {
  const body = await bodyOf(response)
  const { version, error } = body as { version?: string; error?: { code?: string } }
  if (response.ok && version)
    return { finding: { step: 'health', message: `version ${version}` }, isGateway: true }
  // The registration function has no such path, and says so in the words of this product.
  if (response.status === 404 && error?.code)
    return { finding: { step: 'health', message: 'the registration API' }, isGateway: false }
  const said = `${url.host} answered ${response.status}`
  const fix =
    response.status === 429
      ? 'The concurrency of the function is used up: close idle clients, or reserve more.'
      : response.status >= 500
        ? `Look into the log of the function for ${response.headers.get('x-amzn-requestid') ?? 'its last error'}.`
        : 'The URL is not one of this product: give the McpUrl output of the stack.'
  return { finding: wrong('health', said, fix), isGateway: false }
}

async function listTools(url: URL, signing: SigningOptions): Promise<Finding> {
  return call('tools/list', async () => {
    const response = await signedFetch(signing)(at(url, '/mcp'), {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} }),
      signal: AbortSignal.timeout(60_000),
    })
    const text = await response.text()
    // JSON, or the same as the data of an event.
    const { result, error } = JSON.parse(/^data: (.*)$/m.exec(text)?.[1] ?? text)
    if (!result) throw new Error(error?.message ?? text.slice(0, 200))
    return `${result.tools.length} tools for this caller`
  })
}

async function listRegistrations(url: URL, signing: SigningOptions): Promise<Finding> {
  return call('GET /register', async () => {
    const response = await signedFetch(signing)(at(url, '/register?limit=1'), {
      signal: AbortSignal.timeout(60_000),
    })
    if (!response.ok) throw new Error(`answered ${response.status}`)
    return 'answered'
  })
}

async function call(name: string, attempt: () => Promise<string>): Promise<Finding> {
  try {
    return { step: 'call', message: `${name}: ${await attempt()}` }
  } catch (error) {
    const fix =
      'Look into the log of the function; "mcp-lambda-sam status" tells whether it is current.'
    return wrong('call', `${name}: ${reasonOf(error)}`, fix)
  }
}

function failed(step: Step, error: unknown): Finding {
  const { hint } = error as { hint?: string }
  const reason = reasonOf(error)
  return wrong(step, reason, hint ?? networkFix(reason))
}

/** What fetch failed of: its own message never says. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as Error
  const { message: inner, code } = (cause ?? {}) as { message?: string; code?: string }
  return message === 'fetch failed' ? inner || code || message : message
}

function networkFix(reason: string): string {
  if (/ENOTFOUND|EAI_AGAIN/.test(reason))
    return 'The name is not known: check the URL, and the name server of this network. A deleted URL is not known either.'
  if (/cert|SSL|TLS|self.signed/i.test(reason))
    return 'Something on the way opens TLS: give Node its certificate with NODE_EXTRA_CA_CERTS, or go past it.'
  return 'Check the network, a firewall, and whether a proxy is needed.'
}

const bodyOf = (response: Response): Promise<unknown> => response.json().catch(() => ({}))
