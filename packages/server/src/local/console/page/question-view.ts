import type { Answer, Question } from '../messages.ts'
import { ApiError, post } from './api.ts'
import { byId, element } from './dom.ts'
import { createField, type Field } from './form.ts'
import { isRecord } from './schema.ts'

export interface QuestionView {
  reset(questions: Question[]): void
  add(question: Question): void
  remove(id: string): void
}

/** The elicitations of running calls, one after the other, in a dialog. */
export function createQuestionView(): QuestionView {
  const dialog = byId<HTMLDialogElement>('question')
  let waiting: Question[] = []
  let shown: string | undefined
  // Escape cancels, as in every dialog.
  dialog.addEventListener('cancel', event => {
    event.preventDefault()
    const [first] = waiting
    if (first) void answer({ id: first.id, action: 'cancel' })
  })
  return {
    reset(questions) {
      waiting = [...questions]
      show()
    },
    add(question) {
      waiting.push(question)
      show()
    },
    remove(id) {
      waiting = waiting.filter(it => it.id !== id)
      show()
    },
  }

  function show() {
    const [first] = waiting
    if (first?.id === shown) return
    shown = first?.id
    if (!first) return dialog.close()
    const form = formOf(first)
    dialog.replaceChildren(form)
    if (!dialog.open) dialog.showModal()
    form.querySelector<HTMLElement>('input, select, textarea, button')?.focus()
  }

  function formOf(question: Question): HTMLFormElement {
    const { id, askedBy, message, schema, url } = question
    const field = isRecord(schema)
      ? createField({ schema, root: schema, label: 'Answer', required: true, titles: true })
      : undefined
    const problem = element('p', { class: 'error', role: 'alert', hidden: true })
    const button = (text: string, action: Answer['action']) =>
      element(
        'button',
        { type: 'button', onclick: () => void answer({ id, action }, problem) },
        text,
      )
    const form = element(
      'form',
      { novalidate: true },
      element('h2', { id: 'question-title' }, titleOf(askedBy)),
      element('p', { class: 'description' }, message),
      url !== undefined && urlElement(url),
      field?.element,
      problem,
      element(
        'div',
        { class: 'buttons' },
        element('button', { type: 'submit', class: 'primary' }, 'Accept'),
        button('Decline', 'decline'),
        button('Cancel', 'cancel'),
      ),
    )
    form.addEventListener('submit', event => {
      event.preventDefault()
      const content = field ? valid(field) : {}
      if (!content) return
      void answer({ id, action: 'accept', ...(field && { content }) }, problem)
    })
    return form
  }

  async function answer(given: Answer, problem?: HTMLElement) {
    try {
      await post('/api/answers', given)
    } catch (error) {
      if (!(error instanceof ApiError)) throw error
      if (!problem) return
      problem.textContent = [error.problem.message, error.problem.hint].filter(Boolean).join('. ')
      problem.hidden = false
    }
  }
}

const titleOf = (askedBy: string[]) =>
  askedBy.length === 1 ? `${askedBy[0]} asks` : `One of ${askedBy.join(', ')} asks`

function valid(field: Field): Record<string, unknown> | undefined {
  const problems: HTMLElement[] = []
  const values = field.read(input => void problems.push(input))
  problems[0]?.focus()
  return problems.length === 0 && isRecord(values) ? values : undefined
}

/** The whole address is shown, so that a person sees where it leads. Only the web is a link. */
function urlElement(url: string): HTMLElement {
  if (!/^https?:\/\//i.test(url)) return element('p', { class: 'code-name' }, url)
  const link = { href: url, target: '_blank', rel: 'noopener noreferrer' }
  return element('p', { class: 'code-name' }, element('a', link, url))
}
