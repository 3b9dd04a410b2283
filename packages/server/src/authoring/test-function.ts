import type { Call } from './context.ts'
import { finalLine, type Item } from './final-line.ts'
import { type FunctionOf, itemOf } from './handler.ts'
import type { Question } from './input-required.ts'
import type { Elicited, FinalLine, Root, Sample } from './mcp-results.ts'

type Answer = Elicited | Sample | { roots: Root[] }

export interface TestOptions {
  /** By key: what the user or the client answers, or a function that is given the question. */
  answers?: Record<string, Answer | ((question: Question) => Answer | Promise<Answer>)>
  /** Who calls, where that matters. */
  context?: Partial<Call>
}

/** What a client would have got of one request. */
export interface Tested {
  /** The MCP result; undefined where there was an error. */
  result: Record<string, unknown> | undefined
  /** The JSON-RPC error; undefined where there was a result. */
  error: { code: number; message: string; data?: unknown } | undefined
  /** Whether there was an error, or a tool's result that says so. */
  isError: boolean
  /** All text in the result, or the error's message. */
  text: string
  progress: { progress: number; total?: number; message?: string }[]
  logs: { level: string; data: unknown; logger?: string }[]
  /** What was asked, in order. */
  questions: (Question & { key: string })[]
  /** How often the function ran. */
  rounds: number
}

/** As often as the gateway asks clients of the revisions before 2026-07-28 in one request. */
const MAX_QUESTIONS = 8

/**
 * Runs a function without Lambda, as often as it asks, and as the gateway would: what goes in and comes out is JSON.
 * What the gateway checks before, arguments against JSON Schema, is not checked. Rejects where there is no answer
 * to a question.
 */
export async function testFunction<Args>(
  handler: FunctionOf<Item['type'], Args>,
  args: Args,
  { answers = {}, context = {} }: TestOptions = {},
): Promise<Tested> {
  const item = itemOf(handler)
  const { params, variables } = requestOf(item, Object(args))
  const tested: Pick<Tested, 'progress' | 'logs' | 'questions'> = {
    progress: [],
    logs: [],
    questions: [],
  }
  let given = {}

  for (let rounds = 1; ; rounds++) {
    const event = {
      method: item.method,
      params: { ...params, ...given },
      context: { type: item.type, name: item.name, caller: CALLER, ...context, variables },
    }
    const line: FinalLine = JSON.parse(await finalLine(item, copy(event), hear, LAMBDA))
    const asked = askedIn(line)
    if (!asked) return { ...outcome(line), ...tested, rounds }
    if (rounds > MAX_QUESTIONS) throw new Error(`It asks without end: ${Object.keys(asked)}`)
    const inputResponses: [string, unknown][] = []
    for (const [key, question] of Object.entries(asked)) {
      tested.questions.push({ key, ...question })
      inputResponses.push([key, await answerTo(key, question)])
    }
    given = {
      inputResponses: Object.fromEntries(inputResponses),
      requestState: Object(line).result.requestState,
    }
  }

  async function hear(line: object) {
    const { method, params } = copy(line) as { method: string; params: never }
    if (method === 'notifications/progress') tested.progress.push(params)
    else tested.logs.push(params)
  }

  async function answerTo(key: string, question: Question) {
    const answer = Object.hasOwn(answers, key) ? answers[key] : undefined
    if (answer === undefined)
      throw new Error(
        `"${key}" was asked (${question.method} ${JSON.stringify(question.params ?? {})}), and there is no answer to it in options.answers`,
      )
    return typeof answer === 'function' ? answer(copy(question)) : answer
  }
}

function requestOf({ type, name, describe }: Item, args: Record<string, unknown>) {
  if (type !== 'resource') return { params: { name, arguments: args }, variables: undefined }
  const { uri = Object(describe()).uri, variables } = args
  return { params: { uri }, variables }
}

function askedIn(line: FinalLine): Record<string, Question> | undefined {
  if (!('result' in line) || line.result['resultType'] !== 'input_required') return undefined
  return line.result['inputRequests'] as Record<string, Question>
}

function outcome(line: FinalLine): Pick<Tested, 'result' | 'error' | 'isError' | 'text'> {
  if ('error' in line)
    return { result: undefined, error: line.error, isError: true, text: line.error.message }
  const { result } = line
  return { result, error: undefined, isError: result['isError'] === true, text: textOf(result) }
}

function textOf({ content, contents, messages }: Record<string, unknown>): string {
  const said = (messages as { content: unknown }[] | undefined)?.map(it => it.content)
  return ((content ?? contents ?? said ?? []) as { text?: string }[])
    .flatMap(({ text }) => (text === undefined ? [] : [text]))
    .join('\n')
}

const copy = <Value>(value: Value): Value => JSON.parse(JSON.stringify(value))

const CALLER: Call['caller'] = {
  arn: 'arn:aws:iam::000000000000:user/test',
  principal: 'arn:aws:iam::000000000000:user/test',
  accountId: '000000000000',
}

const LAMBDA = { awsRequestId: 'test', getRemainingTimeInMillis: () => 900_000 }
