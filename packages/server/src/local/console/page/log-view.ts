import type { Line } from '../messages.ts'
import { byId, element } from './dom.ts'

const KEPT = 500

export interface LogView {
  reset(lines: Line[]): void
  add(line: Line): void
  /** Goes to the last line, unless the person reads elsewhere. */
  show(): void
}

/** Lines of functions, reports of the gateway, and notifications to clients. */
export function createLogView(): LogView {
  const list = byId('lines')
  // It scrolls, and has nothing that takes the focus.
  list.tabIndex = 0
  const follow = byId<HTMLInputElement>('follow')
  const empty = element('p', { class: 'empty muted' }, 'No lines yet.')
  const scroll = () => {
    if (follow.checked) list.scrollTop = list.scrollHeight
  }
  follow.addEventListener('change', scroll)
  return {
    show: scroll,
    reset(lines) {
      list.replaceChildren(...(lines.length > 0 ? lines.map(rowOf) : [empty]))
      scroll()
    },
    add(line) {
      empty.remove()
      list.append(rowOf(line))
      while (list.childElementCount > KEPT) list.firstElementChild?.remove()
      scroll()
    },
  }
}

function rowOf({ at, level, source, text }: Line) {
  const time = new Date(at)
  return element(
    'div',
    { class: `line ${level}` },
    element('time', { datetime: time.toISOString() }, time.toLocaleTimeString()),
    element('span', { class: 'source' }, level === 'info' ? source : `${source} ${level}`),
    element('span', { class: 'text' }, text),
  )
}
