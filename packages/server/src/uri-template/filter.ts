import { type Program, takes } from './program.ts'

/** A set of instructions that wait for a character, and the sets that follow it. */
interface State {
  waiting: number[]
  isMatch: boolean
  /** By the code of the character. */
  next: (State | undefined)[]
}

/** Sets of one template that are kept. A template of the usual kind has less than 20. */
const MAX_STATES = 200

/**
 * Whether a text matches a program, without the texts of its expressions. Each set of
 * instructions is computed once, so a character costs a few nanoseconds: a URI is compared with
 * many templates.
 */
export function createFilter(program: Program): (text: string) => boolean {
  const states = new Map<string, State>()
  const start = stateOf([0])

  return text => {
    let state = start
    for (let position = 0; position < text.length; position++) {
      const code = text.charCodeAt(position)
      state = state.next[code] ??= after(state, text[position] ?? '')
      if (state.waiting.length === 0 && !state.isMatch) return false
    }
    return state.isMatch
  }

  function after({ waiting }: State, character: string): State {
    return stateOf(
      waiting.flatMap(at => {
        const instruction = program[at]
        return instruction?.kind === 'take' && takes(instruction, character) ? [at + 1] : []
      }),
    )
  }

  /** The state of all instructions that these lead to without a character. */
  function stateOf(from: number[]): State {
    const reached = new Set<number>()
    const open = [...from]
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      const instruction = program[at]
      if (!instruction || reached.has(at)) continue
      reached.add(at)
      if (instruction.kind === 'split') open.push(instruction.first, instruction.second)
      else if (instruction.kind === 'begin' || instruction.kind === 'end') open.push(at + 1)
    }
    const waiting = [...reached].filter(at => program[at]?.kind === 'take').sort((a, b) => a - b)
    const isMatch = [...reached].some(at => program[at]?.kind === 'match')
    const key = `${waiting.join()} ${isMatch}`
    const known = states.get(key)
    if (known) return known
    if (states.size >= MAX_STATES) states.clear()
    const state = { waiting, isMatch, next: [] }
    states.set(key, state)
    return state
  }
}
