import type { Call, Caller } from './context.ts'
import type { Definition } from './definition.ts'
import { finalLine } from './final-line.ts'
import { definitionOf, type FunctionOf } from './handler.ts'
import type { Question } from './input-required.ts'
import { isRecord } from './is-record.ts'
import type { Elicited, FinalLine, Root, Sample } from './mcp-results.ts'

type InputResponse = Elicited | Sample | { roots: Root[] }

export interface TestOptions {
  /** By key: the response of the user or client, or a function that gets the question. */
  answers?: Record<
    string,
    InputResponse | ((question: Question) => InputResponse | Promise<InputResponse>)
  >
  /** Overrides the caller and other fields of the context. */
  context?: Partial<Call>
}

/** What a client would get for one request. */
export interface Tested {
  /** The MCP result. Undefined if there is a JSON-RPC error. */
  result: Record<string, unknown> | undefined
  /** The JSON-RPC error. Undefined if there is an MCP result. */
  error: { code: number; message: string; data?: unknown } | undefined
  /** True for a JSON-RPC error and for a tool result with `isError`. */
  isError: boolean
  /** All text of the result, or the message of the error. */
  text: string
  progress: { progress: number; total?: number; message?: string }[]
  logs: { level: string; data: unknown; logger?: string }[]
  /** The questions to the client, in order. */
  questions: (Question & { key: string })[]
  /** The number of runs of the function. */
  rounds: number
}

/** The gateway's own limit per request, for clients of protocol versions before 2026-07-28. */
const MAX_QUESTIONS = 8

/**
 * Runs a function without Lambda, as the gateway would: values in and out are JSON, and the
 * function runs again after each question. Arguments are not checked against JSON Schema, which
 * the gateway does. Rejects if `options.answers` has no response to a question.
 */
export async function testFunction<Args>(
  handler: FunctionOf<Definition['type'], Args>,
  args: Args,
  { answers = {}, context = {} }: TestOptions = {},
): Promise<Tested> {
  const definition = definitionOf(handler)
  const { params, variables } = requestOf(definition, isRecord(args) ? args : {})
  const tested: Pick<Tested, 'progress' | 'logs' | 'questions'> = {
    progress: [],
    logs: [],
    questions: [],
  }
  let given = {}

  for (let rounds = 1; ; rounds++) {
    const event = {
      method: definition.method,
      params: { ...params, ...given },
      context: {
        type: definition.type,
        name: definition.name,
        caller: CALLER,
        ...context,
        variables,
      },
    }
    const line: FinalLine = JSON.parse(await finalLine(definition, jsonCopy(event), record, LAMBDA))
    const asked = inputRequired(line)
    if (!asked) return { ...outcome(line), ...tested, rounds }
    if (rounds > MAX_QUESTIONS)
      throw new Error(
        `The function asks without end: ${Object.entries(asked.inputRequests).map(shown).join('; ')}`,
      )
    const inputResponses: [string, unknown][] = []
    for (const [key, question] of Object.entries(asked.inputRequests)) {
      tested.questions.push({ key, ...question })
      inputResponses.push([key, await respondTo(key, question)])
    }
    given = {
      inputResponses: Object.fromEntries(inputResponses),
      requestState: asked.requestState,
    }
  }

  async function record(line: object) {
    const { method, params } = jsonCopy(line) as { method: string; params: never }
    if (method === 'notifications/progress') tested.progress.push(params)
    else tested.logs.push(params)
  }

  async function respondTo(key: string, question: Question) {
    const response = Object.hasOwn(answers, key) ? answers[key] : undefined
    if (response === undefined)
      throw new Error(
        `"${key}" was asked (${question.method} ${JSON.stringify(question.params ?? {})}), and options.answers has no response to it`,
      )
    return typeof response === 'function' ? response(jsonCopy(question)) : response
  }
}

function requestOf({ type, name, describe }: Definition, args: Record<string, unknown>) {
  if (type !== 'resource') return { params: { name, arguments: args }, variables: undefined }
  const { uri = uriOf(describe()), variables } = args
  return { params: { uri }, variables }
}

const uriOf = (registration: object) => ('uri' in registration ? registration.uri : undefined)

interface InputRequired {
  inputRequests: Record<string, Question>
  requestState: string
}

function inputRequired(line: FinalLine): InputRequired | undefined {
  if (!('result' in line) || line.result['resultType'] !== 'input_required') return undefined
  return line.result as unknown as InputRequired
}

/** With the message, which says why an answer did not fit. */
const shown = ([key, { method, params }]: [string, Question]) =>
  `"${key}" (${params?.['message'] ?? method})`

function outcome(line: FinalLine): Pick<Tested, 'result' | 'error' | 'isError' | 'text'> {
  if ('error' in line)
    return { result: undefined, error: line.error, isError: true, text: line.error.message }
  const { result } = line
  return { result, error: undefined, isError: result['isError'] === true, text: textOf(result) }
}

function textOf({ content, contents, messages }: Record<string, unknown>): string {
  const blocks = (messages as { content: unknown }[] | undefined)?.map(it => it.content)
  return ((content ?? contents ?? blocks ?? []) as { text?: string }[])
    .flatMap(({ text }) => (text === undefined ? [] : [text]))
    .join('\n')
}

const jsonCopy = <Value>(value: Value): Value => JSON.parse(JSON.stringify(value))

const CALLER: Caller = {
  kind: 'iam',
  arn: 'arn:aws:iam::000000000000:user/test',
  principal: 'arn:aws:iam::000000000000:user/test',
  accountId: '000000000000',
  owner: '000000000000/AIDATEST',
}

const LAMBDA = { awsRequestId: 'test', getRemainingTimeInMillis: () => 900_000 }
