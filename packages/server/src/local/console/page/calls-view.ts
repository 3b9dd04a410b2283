import type { Call } from '../messages.ts'
import { badge, byId, copyButton, element } from './dom.ts'

/** As many as the server keeps. */
const KEPT = 250
const CALLS = ['tools/call', 'resources/read', 'prompts/get']

export interface CallsView {
  reset(calls: Call[]): void
  add(call: Call): void
}

/** The last requests of all clients, with their times. */
export function createCallsView(): CallsView {
  const list = byId('call-list')
  const all = byId<HTMLInputElement>('all-requests')
  const known = new Map<number, { call: Call; row: HTMLElement }>()
  const empty = element('p', { class: 'empty muted' })
  all.addEventListener('change', filter)
  return {
    reset(calls) {
      known.clear()
      list.replaceChildren(empty)
      calls.forEach(put)
      filter()
    },
    add(call) {
      put(call)
      filter()
    },
  }

  function put(call: Call) {
    const kept = known.get(call.key)
    const row = rowOf(call, kept?.row)
    if (kept) kept.row.replaceWith(row)
    else list.prepend(row)
    known.set(call.key, { call, row })
    if (known.size <= KEPT) return
    for (const [key, it] of known) {
      it.row.remove()
      known.delete(key)
      break
    }
  }

  function filter() {
    let shown = 0
    for (const { call, row } of known.values()) {
      row.hidden = !all.checked && !CALLS.includes(call.method)
      if (!row.hidden) shown++
    }
    empty.hidden = shown > 0
    empty.textContent = 'No calls yet. Those of every client of this gateway show here.'
  }
}

function rowOf(
  { at, transport, method, target, params, duration, outcome }: Call,
  before?: Element,
) {
  const time = new Date(at)
  return element(
    'details',
    { class: 'call', open: before instanceof HTMLDetailsElement && before.open },
    element(
      'summary',
      {},
      element('time', { datetime: time.toISOString() }, time.toLocaleTimeString()),
      element('span', { class: 'name' }, target ?? method),
      element(
        'span',
        { class: 'muted' },
        target === undefined ? transport : `${method} ${transport}`,
      ),
      element(
        'span',
        { class: 'duration' },
        duration === undefined ? '' : `${Math.round(duration)} ms`,
      ),
      outcome ? badge(...OUTCOMES[outcome.type]) : badge('running'),
    ),
    ...(params === undefined ? [] : block('Parameters', params)),
    ...(outcome ? block('Outcome', outcome.text) : []),
  )
}

const block = (title: string, text: string) => [
  element('div', { class: 'bar' }, element('h3', {}, title), copyButton(text, `Copy: ${title}`)),
  element('pre', { tabindex: 0 }, text),
]

const OUTCOMES: Record<NonNullable<Call['outcome']>['type'], [text: string, kind: string]> = {
  result: ['ok', 'good'],
  'tool-error': ['tool error', 'bad'],
  error: ['error', 'bad'],
  none: ['no response', 'bad'],
}
