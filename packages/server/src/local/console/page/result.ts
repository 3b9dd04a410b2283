import type { CallResponse, Problem } from '../messages.ts'
import { badge, copyButton, element } from './dom.ts'
import { isRecord } from './schema.ts'

/** What became of a call: its outcome with the time, and its content. */
export function resultElement({ duration, result, error }: CallResponse): HTMLElement {
  const isError = result?.['isError'] === true
  const outcome = error
    ? badge('Error', 'bad')
    : isError
      ? badge('Tool error', 'bad')
      : badge('Done', 'good')
  const json = JSON.stringify(error ?? result, null, 2)
  return element(
    'div',
    { class: 'result' },
    element(
      'div',
      { class: 'bar' },
      element('p', { class: 'outcome' }, outcome, ` ${duration} ms`),
      copyButton(json, 'Copy the result as JSON'),
    ),
    ...(error ? [problemElement(error)] : contentOf(result ?? {})),
    details('The whole result', json),
  )
}

export const problemElement = ({ code, message, hint }: Problem): HTMLElement =>
  element(
    'div',
    { class: 'problem' },
    element('p', {}, message),
    hint !== undefined && element('p', {}, hint),
    element('p', { class: 'facts' }, code),
  )

/** A part that is closed at first. */
export function details(title: string, text: string): HTMLElement {
  return element(
    'details',
    {},
    element('summary', {}, title),
    element('pre', { tabindex: 0 }, text),
  )
}

/** More is in the whole result. */
const PARTS = 200

function contentOf(result: Record<string, unknown>): HTMLElement[] {
  const { content, contents, messages, structuredContent } = result
  const parts = [content, contents].flatMap(it => (Array.isArray(it) ? it : []))
  const said = Array.isArray(messages) ? messages : []
  const structured = structuredContent === undefined ? [] : [code(structuredContent)]
  const shown = [
    ...parts.slice(0, PARTS).map(partElement),
    ...said.slice(0, PARTS).map(it => {
      const message = isRecord(it) ? it : {}
      const role = element('p', { class: 'facts' }, String(message['role']))
      return element('div', {}, role, partElement(message['content']))
    }),
    // The text of a plain function is its structured content.
    ...(parts.length === 1 && structured.length > 0 && isSameJson(parts[0], structuredContent)
      ? []
      : structured),
  ]
  return shown.length > 0 ? shown : [element('p', { class: 'muted' }, 'No content.')]
}

function isSameJson(part: unknown, value: unknown): boolean {
  if (!isRecord(part) || typeof part['text'] !== 'string') return false
  try {
    return JSON.stringify(JSON.parse(part['text'])) === JSON.stringify(value)
  } catch {
    return false
  }
}

const code = (value: unknown) => element('pre', { tabindex: 0 }, JSON.stringify(value, null, 2))

/** Types that a browser shows without running anything. SVG is not one. */
const IMAGES = /^image\/(png|jpeg|gif|webp|avif)$/
const AUDIO = /^audio\/[\w.+-]+$/

function partElement(part: unknown): HTMLElement {
  if (!isRecord(part)) return code(part)
  const { type, text, data, blob, mimeType, resource } = part
  if (typeof text === 'string') return element('pre', { tabindex: 0 }, pretty(text))
  if (type === 'resource' && isRecord(resource)) return partElement(resource)
  const bytes = data ?? blob
  if (typeof bytes === 'string' && typeof mimeType === 'string') {
    const src = `data:${mimeType};base64,${bytes}`
    if (IMAGES.test(mimeType)) return element('img', { src, alt: `Image (${mimeType})` })
    if (AUDIO.test(mimeType)) return element('audio', { src, controls: true })
  }
  return code(part)
}

function pretty(text: string): string {
  if (!/^\s*[{[]/.test(text)) return text
  try {
    const parsed: unknown = JSON.parse(text)
    // Not where digits would change.
    return JSON.stringify(parsed) === text ? JSON.stringify(parsed, null, 2) : text
  } catch {
    return text
  }
}
