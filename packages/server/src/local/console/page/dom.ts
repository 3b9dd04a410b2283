type Child = Node | string | undefined | false

interface Properties {
  /** Attributes. `true` sets an empty one; `false` and undefined leave it out. */
  [name: string]: string | number | boolean | undefined | ((event: Event) => void)
}

/**
 * An element. Strings become text nodes, never markup: most texts come from tools. A property such
 * as `onclick` is a listener.
 */
export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  properties: Properties = {},
  ...children: Child[]
): HTMLElementTagNameMap[Name] {
  const it = document.createElement(name)
  for (const [key, value] of Object.entries(properties)) {
    if (typeof value === 'function') it.addEventListener(key.slice(2), value)
    else if (value !== undefined && value !== false)
      it.setAttribute(key, value === true ? '' : String(value))
  }
  it.append(...children.filter(child => child !== undefined && child !== false))
  return it
}

/** The element of index.html with this id. */
export function byId<Type extends HTMLElement = HTMLElement>(id: string): Type {
  const found = document.getElementById(id)
  if (!found) throw new Error(`index.html has no #${id}`)
  return found as Type
}

let ids = 0
/** An id for `for` and `aria-describedby`. */
export const newId = () => `e${++ids}`

/** A badge with a word, which colour only supports. */
export const badge = (text: string, kind = '') =>
  element('span', { class: `badge ${kind}`.trim() }, text)

/** A button that copies a text, and says so. */
export function copyButton(text: string, name: string): HTMLButtonElement {
  const button = element('button', { type: 'button', class: 'small', 'aria-label': name }, 'Copy')
  button.addEventListener('click', async () => {
    const done = await navigator.clipboard.writeText(text).then(
      () => true,
      () => false,
    )
    button.textContent = done ? 'Copied' : 'Not allowed'
    announce(done ? 'Copied' : 'The browser did not allow the copy')
    setTimeout(() => {
      button.textContent = 'Copy'
    }, 2_000)
  })
  return button
}

/** Tells it to a screen reader. */
export function announce(text: string) {
  byId('announcement').textContent = text
}
