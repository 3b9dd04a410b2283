import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import { type Local, type LocalOptions, startLocal } from '@markvp/mcp-lambda-sam/local'
import { type AdminClient, createAdminClient } from '@markvp/mcp-lambda-sam-admin-client'
import { signedFetch } from '@markvp/mcp-lambda-sam-client/sigv4'

export const functionArn = (name: string) =>
  `arn:aws:lambda:us-east-1:000000000000:function:${name}`

export interface Credentials {
  accessKeyId: string
  secretAccessKey: string
  sessionToken?: string
}

/**
 * Another account's role, under two session names with credentials of their own, and another
 * role.
 */
export const agentMonday = principal('MONDAY', 'agents', 'AROAAGENTS', 'monday')
export const agentTuesday = principal('TUESDAY', 'agents', 'AROAAGENTS', 'tuesday')
export const stranger = principal('STRANGER', 'strangers', 'AROASTRANGERS', 'monday')

function principal(key: string, role: string, id: string, session: string) {
  return {
    accessKeyId: `ASIA${key}`,
    secretAccessKey: `secret of ${key}`,
    sessionToken: `token of ${key}`,
    arn: `arn:aws:sts::111111111111:assumed-role/${role}/${session}`,
    userId: `${id}:${session}`,
  }
}

export interface Gateway extends Local {
  admin: AdminClient
  /** Which process served which request, in order. */
  invocations: {
    functionName: string
    requestId: string
    pid: number
    path?: string
    method?: string
  }[]
  /** Signs as the developer, or as somebody else. */
  fetch(credentials?: Credentials): typeof fetch
}

/** The default settings make every open stream read the emulated table up to 200 times a second. */
const RARE_READS = { POLL_BUSY_MS: '40', POLL_IDLE_MS: '200' }

/** The built handlers in isolated processes, with the functions of `test/functions`. */
export async function startGateway(options: LocalOptions = {}): Promise<Gateway> {
  const invocations: Gateway['invocations'] = []
  const local = await startLocal({
    functions: fileURLToPath(new URL('../functions', import.meta.url)),
    principals: [agentMonday, agentTuesday, stranger],
    concurrency: 130,
    log: () => {},
    onInvocation: invocation => invocations.push(invocation),
    ...options,
    // Only a test that sets one is about a time-out: on a busy machine a function may take minutes.
    timeouts: { functions: 300, ...options.timeouts },
    environment: { ...RARE_READS, ...options.environment },
  })
  const { region, credentials } = local
  return {
    ...local,
    invocations,
    admin: createAdminClient({ url: local.registrationUrl, region, credentials }),
    fetch: (signer = credentials) => signedFetch({ region, credentials: signer }),
  }
}

/** Waits for a condition, not for a time. */
export async function until(condition: () => unknown, what: string, ms = 20_000): Promise<void> {
  const deadline = Date.now() + ms
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited ${ms} ms for ${what}`)
    await new Promise(resolve => setTimeout(resolve, 25))
  }
}

/**
 * Makes another gateway work on the tables and functions of this one, which knows the developer,
 * and not its roles.
 */
export const sharing = ({ dynamodbUrl, lambdaUrl, credentials }: Gateway) => ({
  AWS_ENDPOINT_URL_DYNAMODB: dynamodbUrl,
  AWS_ENDPOINT_URL_LAMBDA: lambdaUrl,
  AWS_ACCESS_KEY_ID: credentials.accessKeyId,
  AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  AWS_SESSION_TOKEN: '',
})

/** Whether the file exists and is not empty. */
export function hasContent(path: string): boolean {
  try {
    return readFileSync(path).length > 0
  } catch {
    return false
  }
}
