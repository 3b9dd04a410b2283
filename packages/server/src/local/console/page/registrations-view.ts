import type { Item } from '../messages.ts'
import { ApiError, read } from './api.ts'
import { byId, element } from './dom.ts'
import { createItemView, type ItemView } from './item-view.ts'
import { problemElement } from './result.ts'

const GROUPS = [
  ['tool', 'Tools'],
  ['resource', 'Resources'],
  ['prompt', 'Prompts'],
] as const
/** More links make a page slow; the filter finds the others. */
const SHOWN = 300

export interface RegistrationsView {
  /** Reads the registrations again, and keeps the forms of those that are unchanged. */
  refresh(): Promise<void>
  /** Shows one, or none. */
  select(id: string | undefined): void
  onProgress(id: string, text: string, share: number | undefined): void
}

/** The list of what is registered, and one of it with a form to use it. */
export function createRegistrationsView(): RegistrationsView {
  const list = byId('list')
  const detail = byId('detail')
  const filter = byId<HTMLInputElement>('filter')
  const views = new Map<string, { content: string; view: ItemView }>()
  let items: Item[] | undefined
  let selected: string | undefined
  let turns = 0
  filter.addEventListener('input', showList)
  filter.addEventListener('keydown', event => {
    if (event.key === 'ArrowDown') list.querySelector('a')?.focus()
  })
  return {
    async refresh() {
      const turn = ++turns
      try {
        const found = (await read<{ items: Item[] }>('/api/registrations')).items
        // A later one has begun meanwhile, and knows more.
        if (turn !== turns) return
        items = found
        showList()
        showDetail()
      } catch (error) {
        if (!(error instanceof ApiError)) throw error
        list.replaceChildren(problemElement(error.problem))
      }
    },
    select(id) {
      const before = selected
      selected = id
      showList()
      showDetail()
      if (id === before || !items) return
      // What was opened, or where it was opened from.
      const place =
        id === undefined ? linkAt(addressOf(before ?? '')) : detail.querySelector<HTMLElement>('h2')
      place?.focus()
    },
    onProgress(id, text, share) {
      for (const { view } of views.values()) view.onProgress(id, text, share)
    },
  }

  function showList() {
    if (!items) return
    const word = filter.value.trim().toLowerCase()
    const found = items.filter(it =>
      `${it.name} ${it.title ?? ''} ${it.functionName}`.toLowerCase().includes(word),
    )
    const groups = GROUPS.flatMap(([type, title]) => {
      const own = found.filter(it => it.type === type)
      if (own.length === 0) return []
      return [
        element('h2', {}, `${title} `, element('span', { class: 'muted' }, String(own.length))),
        element('ul', {}, ...own.slice(0, SHOWN).map(linkTo)),
        ...(own.length > SHOWN
          ? [element('p', { class: 'muted' }, `${own.length - SHOWN} more: type to find them.`)]
          : []),
      ]
    })
    const empty = items.length === 0 ? HELP : 'No registration has this name.'
    const focused = list.contains(document.activeElement)
      ? document.activeElement?.getAttribute('href')
      : undefined
    list.replaceChildren(
      ...(groups.length > 0 ? groups : [element('p', { class: 'muted' }, empty)]),
    )
    if (focused) linkAt(focused)?.focus()
  }

  function linkAt(address: string) {
    return [...list.querySelectorAll('a')].find(it => it.getAttribute('href') === address)
  }

  function linkTo({ id, name, title }: Item) {
    const isSelected = id === selected
    const link = element(
      'a',
      { href: addressOf(id), 'aria-current': isSelected && 'page' },
      element('span', { class: 'name' }, name),
      title !== undefined && title !== name && element('span', { class: 'muted' }, title),
    )
    return element('li', {}, link)
  }

  function showDetail() {
    const item = items?.find(it => it.id === selected)
    byId('registrations').classList.toggle('chosen', selected !== undefined)
    if (!item) {
      const known = items?.length ? 'Choose a tool, resource or prompt to use it.' : ''
      const text = selected === undefined ? known : 'This is not registered, or no more.'
      detail.replaceChildren(...(items ? [element('p', { class: 'empty muted' }, text)] : []))
      return
    }
    const content = JSON.stringify(item.definition)
    let kept = views.get(item.id)
    if (kept?.content !== content) {
      kept = { content, view: createItemView(item) }
      views.set(item.id, kept)
    }
    kept.view.update(item)
    if (detail.firstElementChild !== kept.view.element) detail.replaceChildren(kept.view.element)
  }
}

const addressOf = (id: string) => `#/${encodeURIComponent(id)}`

const HELP =
  'Nothing is registered. Start the gateway with --functions FOLDER: its functions are tools at once. Or register one with mcp-lambda-sam-admin.'
