import type { CallRequest, CallResponse, Item } from '../messages.ts'
import { ApiError, call } from './api.ts'
import { announce, badge, element, newId } from './dom.ts'
import { createField, type Field } from './form.ts'
import { details, resultElement } from './result.ts'
import { isRecord, type Schema } from './schema.ts'
import { expand, variablesOf } from './uri-template.ts'

export interface ItemView {
  element: HTMLElement
  /** Shows the facts that can change while the form stays. */
  update(item: Item): void
  onProgress(id: string, text: string, share: number | undefined): void
}

/** One registration: what it is, a form to use it, and what came of it. */
export function createItemView(item: Item): ItemView {
  const { name, title, description, definition } = item
  const facts = element('p', { class: 'badges' })
  const running = new Map<string, { text: HTMLElement; bar: HTMLProgressElement }>()
  const use = definition ? useForm(item, definition, running) : [hidden()]
  const schemas = definition
    ? [
        ...(['inputSchema', 'outputSchema'] as const)
          .filter(it => isRecord(definition[it]))
          .map(it => details(SCHEMA_TITLES[it], JSON.stringify(definition[it], null, 2))),
        details('Definition, as clients get it', JSON.stringify(definition, null, 2)),
      ]
    : []
  return {
    element: element(
      'div',
      { class: 'item' },
      element('a', { href: '#/', class: 'back' }, '← All registrations'),
      element('h2', { tabindex: -1 }, title ?? name),
      title !== undefined && title !== name && element('p', { class: 'code-name' }, name),
      facts,
      description !== undefined && element('p', { class: 'description' }, description),
      ...use,
      element('div', { class: 'schemas' }, ...schemas),
    ),
    update: ({ type, contract, functionName, version, owner }) =>
      facts.replaceChildren(
        badge(type),
        badge(`function ${functionName}`),
        badge(`contract ${contract}`),
        badge(`version ${version}`),
        ...(owner === undefined ? [] : [badge(`owner ${owner}`)]),
        ...hintsOf(definition),
      ),
    onProgress(id, text, share) {
      const shown = running.get(id)
      if (!shown) return
      shown.text.textContent = text
      if (share === undefined) shown.bar.removeAttribute('value')
      else shown.bar.value = share
    },
  }
}

const SCHEMA_TITLES = {
  inputSchema: 'Schema of the arguments',
  outputSchema: 'Schema of the output',
}

const hidden = () =>
  element('p', { class: 'problem' }, 'Its "allow" does not admit the caller of this machine.')

function hintsOf(definition: Schema | undefined) {
  const annotations = definition?.['annotations']
  if (!isRecord(annotations)) return []
  return [
    ...(annotations['readOnlyHint'] === true ? [badge('read-only', 'good')] : []),
    ...(annotations['destructiveHint'] === true ? [badge('destructive', 'bad')] : []),
  ]
}

/** What the form makes of its values. */
type ToRequest = (values: Record<string, unknown>) => Pick<CallRequest, 'method' | 'params'>

function formOf(item: Item, definition: Schema): { schema: Schema; toRequest: ToRequest } {
  const { type, name } = item
  const strings = (names: string[], required: string[], descriptions: Schema = {}): Schema => ({
    type: 'object',
    required,
    properties: Object.fromEntries(
      names.map(it => [it, { type: 'string', description: descriptions[it] }]),
    ),
  })
  if (type === 'tool')
    return {
      schema: isRecord(definition['inputSchema']) ? definition['inputSchema'] : {},
      toRequest: values => ({ method: 'tools/call', params: { name, arguments: values } }),
    }
  if (type === 'prompt') {
    const list = definition['arguments']
    const known = (Array.isArray(list) ? list : []).filter(isRecord)
    const required = known.filter(it => it['required'] === true).map(it => String(it['name']))
    const descriptions = Object.fromEntries(known.map(it => [it['name'], it['description']]))
    return {
      schema: strings(
        known.map(it => String(it['name'])),
        required,
        descriptions,
      ),
      toRequest: values => ({ method: 'prompts/get', params: { name, arguments: values } }),
    }
  }
  const template = String(definition['uriTemplate'] ?? definition['uri'])
  const variables = definition['uriTemplate'] === undefined ? [] : variablesOf(template)
  return {
    schema: strings(variables, []),
    toRequest: values => ({
      method: 'resources/read',
      params: { uri: variables.length > 0 ? expand(template, values) : template },
    }),
  }
}

const VERBS = { tool: 'Call', resource: 'Read', prompt: 'Get' }

function useForm(
  item: Item,
  definition: Schema,
  running: Map<string, { text: HTMLElement; bar: HTMLProgressElement }>,
): HTMLElement[] {
  const { schema, toRequest } = formOf(item, definition)
  const results = element('div', { class: 'results' })
  const place = element('div')
  const verb = VERBS[item.type]
  const submit = element('button', { type: 'submit', class: 'primary' }, verb)
  const mode = element('button', { type: 'button', 'aria-pressed': 'false' }, 'Edit as JSON')
  const problem = element('p', { class: 'error', role: 'alert', hidden: true })
  const form = element(
    'form',
    { novalidate: true, 'aria-label': `${verb} ${item.name}` },
    place,
    problem,
    element('div', { class: 'buttons' }, submit, item.type !== 'resource' && mode),
  )
  let field = show({})
  let isJson = false

  form.addEventListener('submit', event => {
    event.preventDefault()
    const values = valid()
    if (values) void run(values)
  })
  form.addEventListener('keydown', event => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) form.requestSubmit()
  })
  mode.addEventListener('click', toggle)
  return [form, results]

  function show(initial: unknown, asJson = false): Field {
    // A plain function takes any arguments: its schema names none.
    const count = Object.keys(isRecord(schema['properties']) ? schema['properties'] : {}).length
    const isOpen = item.type === 'tool' && count === 0 && schema['additionalProperties'] !== false
    const created =
      asJson || isOpen
        ? createField({
            ...{ schema: {}, root: schema, label: 'Arguments as JSON', required: true },
            initial,
          })
        : createField({ schema, root: schema, label: 'Arguments', required: true, initial })
    mode.hidden = isOpen || count === 0
    place.replaceChildren(created.element)
    return created
  }

  function toggle() {
    const values = valid(!isJson)
    if (!values) return
    const next = show(values, !isJson)
    const lost =
      isJson &&
      !isSame(
        next.read(() => {}),
        values,
      )
    if (lost) {
      field = show(values, true)
      return complain('The form has no fields for all of this JSON. Call it as JSON.')
    }
    field = next
    isJson = !isJson
    mode.textContent = isJson ? 'Edit as form' : 'Edit as JSON'
    mode.setAttribute('aria-pressed', String(isJson))
  }

  /** The values, or undefined after the first problem has got the focus. */
  function valid(lenient = false): Record<string, unknown> | undefined {
    complain('')
    const problems: HTMLElement[] = []
    const values = field.read(input => void problems.push(input))
    if (problems.length > 0 && !lenient) {
      problems[0]?.focus()
      return undefined
    }
    if (isRecord(values)) return values
    if (lenient) return {}
    complain('The arguments are an object, such as {"city": "Oslo"}.')
    return undefined
  }

  function complain(text: string) {
    problem.textContent = text
    problem.hidden = text === ''
  }

  async function run(values: Record<string, unknown>) {
    const id = crypto.randomUUID()
    const stopper = new AbortController()
    const cancel = element('button', { type: 'button', class: 'small' }, 'Cancel')
    const textId = newId()
    const text = element('p', { id: textId }, 'Running')
    const bar = element('progress', { max: 1, 'aria-labelledby': textId })
    const card = element('div', { class: 'result running' }, text, bar, cancel)
    cancel.addEventListener('click', () => stopper.abort())
    running.set(id, { text, bar })
    results.prepend(card)
    card.scrollIntoView({ block: 'nearest' })
    while (results.childElementCount > 5) results.lastElementChild?.remove()
    announce(`${verb} ${item.name}: running`)
    const response = await outcomeOf({ id, ...toRequest(values) }, stopper.signal)
    running.delete(id)
    const hadFocus = card.contains(document.activeElement)
    const result = resultElement(response)
    card.replaceWith(result)
    result.scrollIntoView({ block: 'nearest' })
    if (hadFocus) submit.focus()
    announce(
      `${item.name}: ${response.error ? response.error.message : `done in ${response.duration} ms`}`,
    )
  }
}

async function outcomeOf(request: CallRequest, signal: AbortSignal): Promise<CallResponse> {
  const start = performance.now()
  try {
    return await call(request, signal)
  } catch (error) {
    const duration = Math.round(performance.now() - start)
    if (error instanceof ApiError) return { duration, error: error.problem }
    return { duration, error: { code: 'cancelled', message: 'You cancelled it' } }
  }
}

const isSame = (one: unknown, other: unknown) => sorted(one) === sorted(other)

const sorted = (value: unknown): string =>
  JSON.stringify(value, (_, it) =>
    isRecord(it) ? Object.fromEntries(Object.entries(it).sort(([a], [b]) => (a < b ? -1 : 1))) : it,
  )
