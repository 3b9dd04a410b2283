import type { Connection } from '../messages.ts'
import { ApiError, read } from './api.ts'
import { byId, copyButton, element } from './dom.ts'
import { problemElement } from './result.ts'

/** How clients connect, with texts to copy. They are read once: they do not change. */
export function createConnectView() {
  let isShown = false
  return {
    async show() {
      if (isShown) return
      isShown = true
      const place = byId('connections')
      try {
        const found = await read<Connection[]>('/api/connections')
        place.replaceChildren(...found.map(connectionElement))
      } catch (error) {
        if (!(error instanceof ApiError)) throw error
        isShown = false
        place.replaceChildren(problemElement(error.problem))
      }
    },
  }
}

const connectionElement = ({ title, place, text }: Connection) =>
  element(
    'section',
    { class: 'connection' },
    element(
      'div',
      { class: 'bar' },
      element('h3', {}, title.replace(/^the /, 'The ')),
      copyButton(text, `Copy the text for ${title}`),
    ),
    element('p', { class: 'muted' }, place),
    element('pre', { tabindex: 0 }, text),
  )
