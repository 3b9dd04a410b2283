import { type Expression, encodeIllegal, isForm, type Part, startsFragment } from './parse.ts'

/**
 * A template as a program for a machine that follows all ways to match at once, as RE2 does. A
 * regular expression would go back and try again: `{year}-{month}-{day}` takes cubic time on a
 * long URI that does not match.
 * https://swtch.com/~rsc/regexp/regexp2.html
 */
export type Program = Instruction[]

type Instruction =
  | { kind: 'take'; excluded: string; only?: string }
  /** Goes on at both; the first one is preferred. */
  | { kind: 'split'; first: number; second: number }
  | { kind: 'begin' | 'end'; expression: number }
  | { kind: 'match' }

export function compile(parts: Part[]): Program {
  const program: Program = []
  const opening = parts.find(isForm)
  const hasFragment = parts.some(
    it => startsFragment(it) || ('literal' in it && it.literal.includes('#')),
  )
  let isQuery = false
  let count = 0
  let hasForm = false

  for (const part of parts) {
    if ('literal' in part) {
      literal(encodeIllegal(part.literal) ?? part.literal)
      isQuery ||= part.literal.includes('?')
      continue
    }
    const expression = count++
    // All form-style expressions share one text, which the first of them captures.
    if (isForm(part) && hasForm) continue
    hasForm ||= isForm(part)
    program.push({ kind: 'begin', expression })
    write(part)
    program.push({ kind: 'end', expression })
  }
  program.push({ kind: 'match' })
  return program

  /** What no value before the form-style part or the fragment may hold, so that those are found. */
  function reserved(): string {
    const form = opening ? (isQuery ? '&' : '?') : ''
    return form + (hasFragment ? '#' : '')
  }

  function write({ operator, variables }: Expression) {
    const isOpen = variables.at(-1)?.explode ?? false
    switch (operator) {
      case '':
        return oneOrMore(`/${reserved()}`)
      case '+':
        return oneOrMore(reserved())
      case '#':
        return optional(() => {
          literal('#')
          anyNumber(() => take(''))
        })
      case '.':
        return optional(() => {
          literal('.')
          anyNumber(() => take(`/${reserved()}`))
        })
      case ';':
        return optional(() => {
          literal(';')
          oneOrMore(`/${reserved()}`)
        })
      case '?':
      case '&':
        return optional(() => {
          literal(operator)
          oneOrMore(hasFragment ? '#' : '')
        })
      case '/':
        return isOpen ? anyNumber(segment) : upTo(variables.length, segment)
    }
  }

  function segment() {
    literal('/')
    anyNumber(() => take(`/${reserved()}`))
  }

  function literal(text: string) {
    for (const only of text) program.push({ kind: 'take', excluded: '', only })
  }

  function take(excluded: string) {
    program.push({ kind: 'take', excluded })
  }

  function oneOrMore(excluded: string) {
    const start = program.length
    take(excluded)
    program.push({ kind: 'split', first: start, second: program.length + 1 })
  }

  function anyNumber(body: () => void) {
    const start = program.length
    const choice = { kind: 'split' as const, first: start + 1, second: 0 }
    program.push(choice)
    body()
    program.push({ kind: 'split', first: start, second: start })
    choice.second = program.length
  }

  function optional(body: () => void) {
    const choice = { kind: 'split' as const, first: program.length + 1, second: 0 }
    program.push(choice)
    body()
    choice.second = program.length
  }

  function upTo(times: number, body: () => void) {
    if (times === 0) return
    optional(() => {
      body()
      upTo(times - 1, body)
    })
  }
}

/**
 * Where the text of an expression begins or ends; a list, since most ways share their beginnings.
 */
interface Mark {
  expression: number
  kind: 'begin' | 'end'
  at: number
  before: Mark | undefined
}

interface Thread {
  at: number
  marks: Mark | undefined
}

/** The text of each expression; undefined where the whole text does not match. */
export function run(program: Program, text: string): (string | undefined)[] | undefined {
  let threads = follow([{ at: 0, marks: undefined }], 0)
  for (let position = 0; position < text.length && threads.length > 0; position++) {
    const character = text[position] ?? ''
    const taken: Thread[] = []
    for (const { at, marks } of threads) {
      const instruction = program[at]
      if (instruction?.kind === 'take' && takes(instruction, character))
        taken.push({ at: at + 1, marks })
    }
    threads = follow(taken, position + 1)
  }
  const done = threads.find(({ at }) => program[at]?.kind === 'match')
  return done && textsOf(done.marks, text)

  /**
   * The threads that wait for a character or have matched, the preferred ones first, each
   * instruction once.
   */
  function follow(from: Thread[], position: number): Thread[] {
    const waiting: Thread[] = []
    const seen = new Set<number>()
    const stack = from.toReversed()
    for (let thread = stack.pop(); thread; thread = stack.pop()) {
      const { at, marks } = thread
      const instruction = program[at]
      if (!instruction || seen.has(at)) continue
      seen.add(at)
      if (instruction.kind === 'split')
        stack.push({ at: instruction.second, marks }, { at: instruction.first, marks })
      else if (instruction.kind === 'begin' || instruction.kind === 'end') {
        const { kind, expression } = instruction
        stack.push({ at: at + 1, marks: { kind, expression, at: position, before: marks } })
      } else waiting.push(thread)
    }
    return waiting
  }
}

/** Whether an instruction accepts a character. */
export const takes = (
  { excluded, only }: { excluded: string; only?: string },
  character: string,
) => (only === undefined ? !excluded.includes(character) : only === character)

function textsOf(marks: Mark | undefined, text: string): (string | undefined)[] {
  const texts: (string | undefined)[] = []
  const ends = new Map<number, number>()
  for (let mark = marks; mark; mark = mark.before) {
    if (mark.kind === 'end') ends.set(mark.expression, mark.at)
    else texts[mark.expression] = text.slice(mark.at, ends.get(mark.expression))
  }
  return texts
}
