import {
  type Refusal,
  readRefusal,
  regionOfFunctionUrl,
  type SigningOptions,
  signedFetch,
} from '@markvp/mcp-lambda-sam-client/sigv4'

import { isRecord } from '../is-record.ts'
import { signIn } from './account.ts'
import { lowConcurrency, readConcurrency } from './concurrency.ts'
import { checkGrants } from './grant-check.ts'
import { reasonOf, urlProblemOf } from './url-problem.ts'

/** The result of one step. With a `hint` it is a problem, and the steps after it were not taken. */
export interface Finding {
  step: Step
  message: string
  hint?: string
  /** The problem does not stop a call, and other steps may follow. */
  isWarning?: true
}

type Step =
  | 'credentials'
  | 'network'
  | 'clock'
  | 'signature'
  | 'permission'
  | 'health'
  | 'call'
  | 'concurrency'
  | 'grant'

export interface DoctorOptions {
  /** McpUrl or RegistrationUrl. */
  url: string
  region?: string | undefined
  profile?: string | undefined
}

/** Checks what a call needs, step by step, up to the first problem. */
export async function* diagnose(options: DoctorOptions): AsyncGenerator<Finding> {
  const { region, profile } = options
  const signing: SigningOptions = {
    ...(region !== undefined && { region }),
    ...(profile !== undefined && { profile }),
  }
  if (!URL.canParse(options.url) || !/^https?:/i.test(options.url)) {
    yield problem(
      'network',
      `"${options.url}" is not a URL`,
      'Give the McpUrl output of the stack, with its https://.',
    )
    return
  }
  const url = new URL(options.url)
  url.pathname = url.pathname.replace(/(\/(sse|mcp|message|register|health))?\/*$/, '')

  const credentials = await checkCredentials(url, signing)
  yield credentials
  if (credentials.hint) return

  const unsigned = await checkUnsigned(url)
  yield* unsigned
  if (unsigned.at(-1)?.hint) return

  const signed = await checkSigned(url, signing)
  yield* signed.findings
  if (!signed.api) return

  const call = await (signed.api === 'mcp' ? listTools : listRegistrations)(url, signing)
  yield call
  if (call.hint) return
  if (hasAccount(url)) yield await checkConcurrency(url, options)
  if (signed.api === 'registration') yield* checkGrants(url, signing)
}

/** A path of the URL, which can have a prefix. */
const at = (url: URL, path: string) => new URL(`${url.href.replace(/\/$/, '')}${path}`)

const problem = (step: Step, message: string, hint: string): Finding => ({ step, message, hint })

/** Signs a request without sending it: missing credentials are found before the network is used. */
async function checkCredentials(url: URL, signing: SigningOptions): Promise<Finding> {
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
    return { step: 'credentials', ...urlProblemOf(error) }
  }
  const [, key = '', region, service] =
    /Credential=([^/]+)\/\d+\/([^/]+)\/([^/]+)/.exec(authorization) ?? []
  const message = `found, access key …${key.slice(-4)}; signs for ${service} in ${region}`
  return { step: 'credentials', message }
}

/** Sends a request without a signature: does the host respond, does it refuse, what is its time? */
async function checkUnsigned(url: URL): Promise<Finding[]> {
  let response: Response
  try {
    response = await fetch(at(url, '/health'), {
      redirect: 'manual',
      signal: AbortSignal.timeout(20_000),
    })
  } catch (error) {
    const { message, hint } = urlProblemOf(error)
    return [problem('network', `${url.host}: ${message}`, hint)]
  }
  await response.body?.cancel()
  if (response.ok)
    return [
      problem(
        'network',
        `${url.host} answers everyone, without a signature`,
        'Set the AuthType of the Function URL to AWS_IAM: deploy the stack again.',
      ),
    ]
  const reached: Finding = { step: 'network', message: `${url.host} answers` }
  return [reached, ...checkClock(response.headers.get('date'))]
}

function checkClock(date: string | null): Finding[] {
  const skew = Math.round((Date.now() - Date.parse(date ?? '')) / 1000)
  if (Number.isNaN(skew)) return []
  const words = `${Math.abs(skew)} s ${skew < 0 ? 'behind' : 'ahead of'} AWS`
  // AWS accepts a signature from five minutes before to five minutes after its own time.
  return Math.abs(skew) < 300
    ? [{ step: 'clock', message: Math.abs(skew) < 2 ? 'right' : words }]
    : [
        problem(
          'clock',
          words,
          'Set the clock of this machine: AWS refuses a difference of 5 minutes.',
        ),
      ]
}

interface Signed {
  findings: Finding[]
  /** Which of the two functions responds at the URL. Absent after a problem. */
  api?: 'mcp' | 'registration'
}

/** Sends a signed request to `/health`, and reads from the response how far it got. */
async function checkSigned(url: URL, signing: SigningOptions): Promise<Signed> {
  let response: Response
  try {
    response = await signedFetch(signing)(at(url, '/health'), {
      signal: AbortSignal.timeout(60_000),
    })
  } catch (error) {
    return { findings: [{ step: 'network', ...urlProblemOf(error) }] }
  }
  if (response.ok) return checkVersion(response, url)
  const refusal = await readRefusal(response, { ...signing, url, isRepeatable: true })
  const { code, status, message, hint } = refusal
  if (code === 'access_denied') {
    const denied = problem('permission', message, await permissionHint(url, signing))
    return { findings: [SIGNATURE_ACCEPTED, denied] }
  }
  if (SIGNATURE_CODES.has(code)) return { findings: [problem('signature', message, hint)] }
  // The registration function has no /health. It says so in the error format of this product.
  if (status === 404 && refusal.serverCode !== undefined)
    return {
      findings: [...ADMITTED, { step: 'health', message: 'the registration API' }],
      api: 'registration',
    }
  return { findings: [...ADMITTED, problem('health', message, healthHint(refusal))] }
}

const SIGNATURE_ACCEPTED: Finding = { step: 'signature', message: 'accepted' }
const ADMITTED: Finding[] = [
  SIGNATURE_ACCEPTED,
  { step: 'permission', message: 'the caller may call the URL' },
]

const SIGNATURE_CODES = new Set<Refusal['code']>([
  'clock_skew',
  'expired_token',
  'invalid_credentials',
  'signature_mismatch',
  'wrong_region',
  'wrong_service',
])

const NOT_OURS = 'The URL is not one of this product: give the McpUrl output of the stack.'

async function checkVersion(response: Response, url: URL): Promise<Signed> {
  const body: unknown = await response.json().catch(() => undefined) // not JSON: not ours
  if (!isRecord(body) || typeof body['version'] !== 'string') {
    const said = `${url.host} answered ${response.status} without a version`
    return { findings: [...ADMITTED, problem('health', said, NOT_OURS)] }
  }
  const message = `version ${body['version']}`
  return { findings: [...ADMITTED, { step: 'health', message }], api: 'mcp' }
}

function healthHint({ code, hint, requestId }: Refusal): string {
  if (code === 'rate_limited') return hint
  if (code === 'server_error')
    return `Look into the log of the function for ${requestId ?? 'its last error'}.`
  return NOT_OURS
}

/** IAM does not say which of the two actions is missing, so the hint gives both. */
async function permissionHint(
  url: URL,
  { region, profile }: SigningOptions & { profile?: string },
): Promise<string> {
  const place = regionOfFunctionUrl(url) ?? region
  const caller = await signIn({ region: place, profile }).then(
    it => it.callerArn,
    () => undefined, // the hint is useful without the ARN
  )
  const to = caller ? granteeOf(caller) : '<ARN>'
  return [
    'The caller needs both lambda:InvokeFunctionUrl and lambda:InvokeFunction, or the URL has been deleted.',
    `An administrator of the stack gives URL access with: mcp-lambda-sam grant --as client --to ${to}${place ? ` --region ${place}` : ''}`,
    '(--as admin for the registration URL, --stack-name for a stack of another name). "mcp-lambda-sam policy" prints the policy for the caller itself.',
  ].join('\n')
}

/** `--to` for the principal of these credentials. A role session does not tell a path. */
function granteeOf(callerArn: string): string {
  const [, partition, account, role] =
    /^arn:([^:]+):sts::(\d+):assumed-role\/([^/]+)\//.exec(callerArn) ?? []
  if (!role) return callerArn
  return role.startsWith('AWSReservedSSO_')
    ? `"$(aws iam get-role --role-name ${role} --query Role.Arn --output text)"`
    : `arn:${partition}:iam::${account}:role/${role}`
}

async function listTools(url: URL, signing: SigningOptions): Promise<Finding> {
  return checkCall('tools/list', async () => {
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
    // The response is JSON, or an event stream whose event holds the same JSON.
    const message: unknown = JSON.parse(/^data: (.*)$/m.exec(text)?.[1] ?? text)
    const { result, error } = isRecord(message) ? message : {}
    if (isRecord(result) && Array.isArray(result['tools']))
      return `${result['tools'].length} tools for this caller`
    throw new Error(isRecord(error) ? String(error['message']) : text.slice(0, 200))
  })
}

async function listRegistrations(url: URL, signing: SigningOptions): Promise<Finding> {
  return checkCall('GET /register', async () => {
    const response = await signedFetch(signing)(at(url, '/register?limit=1'), {
      signal: AbortSignal.timeout(60_000),
    })
    if (!response.ok) throw new Error(`answered ${response.status}`)
    return 'answered'
  })
}

/** A local gateway belongs to no account. */
const hasAccount = ({ hostname }: URL) => {
  const { AWS_ENDPOINT_URL, AWS_ENDPOINT_URL_LAMBDA } = process.env
  const isLocal = /^(127\.|localhost$|\[::1\]$)/.test(hostname)
  return !isLocal || Boolean(AWS_ENDPOINT_URL_LAMBDA ?? AWS_ENDPOINT_URL)
}

/** Of the account of the credentials. The caller of a URL needs no right to read it. */
async function checkConcurrency(url: URL, { region, profile }: DoctorOptions): Promise<Finding> {
  const step = 'concurrency'
  try {
    const account = await signIn({ region: regionOfFunctionUrl(url) ?? region, profile })
    const concurrency = await readConcurrency(account)
    const low = lowConcurrency(concurrency)
    if (low) return { step, isWarning: true, ...low }
    const { limit, unreserved } = concurrency
    return { step, message: `account ${account.accountId}: ${limit}, ${unreserved} unreserved` }
  } catch (error) {
    return { step, message: `not checked: ${reasonOf(error)}` }
  }
}

async function checkCall(name: string, call: () => Promise<string>): Promise<Finding> {
  try {
    return { step: 'call', message: `${name}: ${await call()}` }
  } catch (error) {
    const hint =
      'Look into the log of the function; "mcp-lambda-sam status" says whether its version is current.'
    return problem('call', `${name}: ${reasonOf(error)}`, hint)
  }
}
