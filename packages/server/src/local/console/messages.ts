/** What the page and its server exchange. All texts are bounded, and none of them is trusted. */

/** One line of JSON each, in the response of `GET /api/events`. */
export type ConsoleEvent =
  /** The first one of every stream. */
  | { type: 'snapshot'; calls: Call[]; lines: Line[]; questions: Question[] }
  /** A request of any client has begun or ended. */
  | { type: 'call'; call: Call }
  | { type: 'line'; line: Line }
  /** Of a call that the page with this `id` has made. */
  | { type: 'progress'; id: string; progress: number; total?: number; message?: string }
  | { type: 'question'; question: Question }
  /** Was answered, or its call has ended. */
  | { type: 'question-ended'; id: string }
  /** The registrations have changed: read them again. */
  | { type: 'registrations' }
  /** Every 15 s of silence, so that the page sees that the gateway is gone. */
  | { type: 'alive' }

export interface Call {
  /** Unique in this gateway. */
  key: number
  /** Epoch milliseconds. */
  at: number
  transport: '/mcp' | '/sse'
  method: string
  target?: string
  /** JSON, shortened. */
  params?: string
  /** Absent while it runs. */
  duration?: number
  outcome?: { type: 'result' | 'tool-error' | 'error' | 'none'; text: string }
}

/** A line of a function, a report of the gateway, or a notification to a client. */
export interface Line {
  at: number
  level: 'info' | 'warn' | 'error'
  source: string
  text: string
}

/** An elicitation that waits for a person. */
export interface Question {
  id: string
  /** The tools, resources or prompts whose calls by the page are open: one of them asks. */
  askedBy: string[]
  message: string
  /** The JSON Schema of the form. Absent where the person is sent to `url`. */
  schema?: unknown
  url?: string
}

/** The body of `POST /api/answers`. */
export interface Answer {
  id: string
  action: 'accept' | 'decline' | 'cancel'
  content?: Record<string, unknown>
}

/** The body of `POST /api/calls`. */
export interface CallRequest {
  /** Chosen by the page; its progress carries it. */
  id: string
  method: 'tools/call' | 'resources/read' | 'prompts/get'
  params: Record<string, unknown>
}

export interface CallResponse {
  /** Milliseconds. */
  duration: number
  result?: Record<string, unknown>
  error?: Problem
}

export interface Problem {
  code: string
  message: string
  hint?: string
}

/** The response of `GET /api/registrations`. */
export interface Registrations {
  items: Item[]
}

export interface Item {
  /** `<type>-<name>`. */
  id: string
  type: 'tool' | 'resource' | 'prompt'
  name: string
  title?: string
  description?: string
  /** What clients get in a list. Absent where `allow` hides it from the local caller. */
  definition?: Record<string, unknown>
  functionName: string
  contract: string
  version: number
  updatedAt: string
  /** A label that pipelines and the local gateway set. */
  owner?: string
}

/** The response of `GET /api/connections`: how clients connect, as texts to copy. */
export interface Connection {
  title: string
  /** Where the text goes. */
  place: string
  text: string
}
