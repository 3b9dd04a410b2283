import type { ConsoleEvent } from '../messages.ts'
import { ApiError, followEvents, takeToken } from './api.ts'
import { createCallsView } from './calls-view.ts'
import { createConnectView } from './connect-view.ts'
import { decoded } from './decoded.ts'
import { byId } from './dom.ts'
import { createLogView } from './log-view.ts'
import { createQuestionView } from './question-view.ts'
import { createRegistrationsView } from './registrations-view.ts'

const VIEWS = ['registrations', 'calls', 'log', 'connect'] as const
const RETRY_MS = 2_000

const calls = createCallsView()
const log = createLogView()
const connect = createConnectView()
const questions = createQuestionView()
const registrations = createRegistrationsView()
let isLocked = !takeToken()

window.addEventListener('hashchange', () => {
  // The address of a later start of the gateway, in the same tab.
  if (location.hash.startsWith('#token=')) return location.reload()
  route()
})
byId('skip').addEventListener('click', event => {
  event.preventDefault()
  byId('main').focus()
})
route()
if (isLocked) status('No valid token', 'bad')
else void follow()

/** `#/calls`, `#/log` and `#/connect` are views. Any other is the id of a registration. */
function route() {
  const path = decoded(location.hash.replace(/^#\/?/, ''))
  const view = VIEWS.slice(1).find(it => it === path) ?? 'registrations'
  byId('locked').hidden = !isLocked
  for (const it of VIEWS) byId(it).hidden = isLocked || it !== view
  for (const link of document.querySelectorAll<HTMLElement>('nav a')) {
    if (link.dataset['view'] === view) link.setAttribute('aria-current', 'page')
    else link.removeAttribute('aria-current')
  }
  if (isLocked) return
  if (view === 'registrations') registrations.select(path || undefined)
  if (view === 'log') log.show()
  if (view === 'connect') void connect.show()
}

/** Stays connected, and shows whether it is. */
async function follow() {
  for (;;) {
    try {
      await followEvents(handle)
    } catch (error) {
      if (error instanceof ApiError && error.problem.code === 'invalid_token') {
        isLocked = true
        status('No valid token', 'bad')
        return route()
      }
      questions.reset([])
      status('Disconnected: is the gateway running?', 'bad')
    }
    await new Promise(resolve => setTimeout(resolve, RETRY_MS))
  }
}

function handle(event: ConsoleEvent) {
  if (event.type === 'snapshot') {
    status('Connected', 'good')
    calls.reset(event.calls)
    log.reset(event.lines)
    questions.reset(event.questions)
    refreshSoon()
  }
  if (event.type === 'call') calls.add(event.call)
  if (event.type === 'line') log.add(event.line)
  if (event.type === 'question') questions.add(event.question)
  if (event.type === 'question-ended') questions.remove(event.id)
  if (event.type === 'registrations') refreshSoon()
  if (event.type === 'progress') {
    const { id, progress, total, message } = event
    const count = total === undefined ? String(progress) : `${progress} of ${total}`
    const share = total ? Math.min(1, progress / total) : undefined
    registrations.onProgress(id, message ? `${message} (${count})` : count, share)
  }
}

let timer: ReturnType<typeof setTimeout> | undefined

/** A start of the gateway registers many functions at once. */
function refreshSoon() {
  if (timer !== undefined) return
  timer = setTimeout(() => {
    timer = undefined
    void registrations.refresh()
  }, 100)
}

function status(text: string, kind: string) {
  const it = byId('status')
  if (it.textContent !== text) it.textContent = text
  it.className = `status ${kind}`
}
