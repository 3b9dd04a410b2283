import { createInterface } from 'node:readline/promises'

import { isRecord } from '../../is-record.ts'
import { type FieldAnswer, parseAnswer, shownChoices } from './elicitation-field.ts'
import { type Result, recordIn } from './mcp-client.ts'
import { onOneLine, printable, type Style } from './style.ts'

export interface Asker {
  /** The result of `elicitation/create`. */
  elicit(params: Result): Promise<Result>
  /** A question got no answer: there is no terminal, or the person cancelled. */
  readonly isUnanswered: boolean
}

interface AskerOptions {
  input: NodeJS.ReadStream
  output: NodeJS.WriteStream
  style: Style
  /** Called before each question: other output ends. */
  onQuestion(): void
  /** Ctrl-C in a question. */
  onInterrupt(): void
}

/** Asks the person at the terminal, one question after the other. */
export function createAsker({
  input,
  output,
  style,
  onQuestion,
  onInterrupt,
}: AskerOptions): Asker {
  let isUnanswered = false
  let last: Promise<unknown> = Promise.resolve()

  return {
    get isUnanswered() {
      return isUnanswered
    },
    elicit(params) {
      const result = last.then(() => ask(params))
      last = result.catch(() => {})
      return result
    },
  }

  async function ask(params: Result): Promise<Result> {
    onQuestion()
    output.write(`\n${style.bold(printable(params['message']))}\n`)
    if (!input.isTTY) {
      output.write('There is no terminal to answer this question.\n')
      isUnanswered = true
      return { action: 'cancel' }
    }
    const lines = createInterface({ input, output })
    // Ctrl-D
    const closed = new Promise<undefined>(resolve => lines.once('close', () => resolve(undefined)))
    lines.once('SIGINT', () => {
      lines.close()
      onInterrupt()
    })
    const line = (prompt: string) =>
      Promise.race([lines.question(prompt).catch(() => undefined), closed])
    try {
      const result =
        params['mode'] === 'url' ? await askUrl(params, line) : await askForm(params, line)
      if (result) return result
    } finally {
      lines.close()
    }
    isUnanswered = true
    output.write('\n')
    return { action: 'cancel' }
  }

  async function askUrl(params: Result, line: Line): Promise<Result | undefined> {
    output.write(`Open this page to go on:\n  ${onOneLine(params['url'])}\n`)
    const isAgreed = await yesOrNo('Did you agree to open it?', line)
    return isAgreed === undefined ? undefined : { action: isAgreed ? 'accept' : 'decline' }
  }

  /** Undefined where the person cancels. */
  async function askForm(params: Result, line: Line): Promise<Result | undefined> {
    const schema = recordIn(params, 'requestedSchema')
    const required = Array.isArray(schema['required']) ? schema['required'] : []
    const fields = Object.entries(recordIn(schema, 'properties'))
    const content: [name: string, value: unknown][] = []
    for (const [name, property] of fields) {
      const field = isRecord(property) ? property : {}
      const answer = await askField(name, field, required.includes(name), line)
      if (answer === undefined) return undefined
      if ('value' in answer) content.push([name, answer.value])
    }
    const isSent = await yesOrNo(fields.length > 0 ? 'Send this?' : 'Agree?', line)
    if (isSent === undefined) return undefined
    if (!isSent) return { action: 'decline' }
    return { action: 'accept', content: Object.fromEntries(content) }
  }

  async function askField(name: string, field: Result, isRequired: boolean, line: Line) {
    const title = onOneLine(field['title'] ?? name)
    const description = onOneLine(field['description'])
    if (description) output.write(`${style.dim(description)}\n`)
    for (const choice of shownChoices(field)) output.write(`  ${choice}\n`)
    const fallback = field['default'] === undefined ? '' : ` [${onOneLine(field['default'])}]`
    const kind = field['type'] === 'boolean' ? ' (y/n)' : ''
    const prompt = `${title}${kind}${isRequired ? '' : ' (optional)'}${fallback}: `
    for (;;) {
      const text = await line(prompt)
      if (text === undefined) return undefined
      const answer: FieldAnswer = parseAnswer(text.trim(), field, isRequired)
      if (!('problem' in answer)) return answer
      output.write(`${style.red(answer.problem)}\n`)
    }
  }

  async function yesOrNo(question: string, line: Line): Promise<boolean | undefined> {
    for (;;) {
      const text = await line(`${question} [Y/n] `)
      if (text === undefined) return undefined
      if (/^(y|yes)?$/i.test(text.trim())) return true
      if (/^(n|no)$/i.test(text.trim())) return false
    }
  }
}

type Line = (prompt: string) => Promise<string | undefined>
