import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { join } from 'node:path'

import type { AdminClient } from '@markvp/mcp-lambda-sam-admin-client'

import type { Events } from '../events.ts'
import { readBody } from '../http-server.ts'
import { newToken, refusal } from './access.ts'
import { createCalls } from './calls.ts'
import { type ConnectionTarget, connections } from './connections.ts'
import { consoleError, problemOf } from './errors.ts'
import { createHistory } from './history.ts'
import { createLiveStreams } from './live-streams.ts'
import type { Problem } from './messages.ts'
import { readRegistrations } from './registrations.ts'

export interface ConsoleOptions extends ConnectionTarget {
  /** The folder of the built page. */
  assets: string
  admin: () => Promise<AdminClient>
  events: Events
}

export interface ConsoleServer {
  server: Server
  /** The address with the token, for the port on which `server` listens. */
  url(port: number): string
  /** Ends the MCP session of the console. */
  close(): Promise<void>
}

const FILES: Record<string, [file: string, type: string]> = {
  '/': ['index.html', 'text/html; charset=utf-8'],
  '/console.css': ['console.css', 'text/css; charset=utf-8'],
  '/console.js': ['console.js', 'text/javascript; charset=utf-8'],
}

const HEADERS = {
  // Texts and media of tools are shown. Nothing of them may run, or load anything.
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; media-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'",
  'cache-control': 'no-store',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
}

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<unknown>

/**
 * The console: one page, and an API for it. The page holds the token and no key: the server signs
 * what it calls. Nothing is logged of its requests.
 */
export function createConsole(options: ConsoleOptions): ConsoleServer {
  const { assets, events } = options
  const token = newToken()
  const streams = createLiveStreams()
  const history = createHistory(streams.publish)
  const unsubscribe = events.subscribe(history.record)
  const { mcpUrl: url, region, credentials } = options
  const calls = createCalls({ url, region, credentials }, streams.publish)
  let admin: AdminClient | undefined

  const routes: Record<string, Handler> = {
    'GET /api/registrations': async () => {
      admin ??= await options.admin()
      return readRegistrations(admin, calls.session)
    },
    'GET /api/connections': async () => connections(options),
    'GET /api/events': async (_, response) =>
      streams.open(response, {
        type: 'snapshot',
        calls: history.calls(),
        lines: history.lines(),
        questions: calls.questions(),
      }),
    'POST /api/calls': async (request, response) => {
      const body = await readJson(request)
      const closed = new AbortController()
      // The page cancels by ending its request, also when it is closed.
      response.once('close', () => closed.abort())
      return calls.call(body, closed.signal)
    },
    'POST /api/answers': async request => calls.answer(await readJson(request)) ?? {},
  }

  const server = createServer((request, response) => {
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value)
    response.on('error', () => {})
    respond(request, response).catch(error => {
      const problem = problemOf(error)
      if (response.headersSent) response.destroy()
      else sendProblem(response, STATUS[problem.code] ?? 500, problem)
    })
  })

  async function respond(request: IncomingMessage, response: ServerResponse) {
    const refused = refusal(request, portOf(server), token)
    if (refused) return sendProblem(response, refused.status, refused.problem)
    const { method = '', url = '' } = request
    const path = url.split('?')[0] ?? ''
    const file = method === 'GET' ? FILES[path] : undefined
    if (file) {
      const content = readFileSync(join(assets, file[0]))
      return void response.writeHead(200, { 'content-type': file[1] }).end(content)
    }
    const handle = routes[`${method} ${path}`]
    if (!handle) throw consoleError('not_found', `The console has no ${method} ${path}`)
    const value = await handle(request, response)
    if (!response.headersSent) sendJson(response, 200, value)
  }

  return {
    server,
    url: port => `http://127.0.0.1:${port}/#token=${token}`,
    async close() {
      unsubscribe()
      await calls.session.close()
    },
  }
}

const STATUS: Record<string, number> = {
  busy: 429,
  invalid_request: 400,
  not_found: 404,
  question_ended: 409,
  too_large: 413,
  too_many_pages: 429,
}

function portOf(server: Server): number {
  const address = server.address()
  return typeof address === 'object' ? (address?.port ?? 0) : 0
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const body = await readBody(request)
  if (!body)
    throw consoleError(
      'too_large',
      'The arguments are larger than 6 MiB',
      'Send less: Lambda takes no more.',
    )
  try {
    return JSON.parse(body.toString())
  } catch {
    throw consoleError('invalid_request', 'The body is not JSON', 'Reload the page.')
  }
}

function sendJson(response: ServerResponse, status: number, value: unknown) {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
}

function sendProblem(response: ServerResponse, status: number, error: Problem) {
  sendJson(response, status, { error })
}
