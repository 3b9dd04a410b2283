import { element, newId } from './dom.ts'
import { type Choice, isRecord, kindOf, resolved, type Schema } from './schema.ts'

/** Reports what is wrong with the input, at its field. */
type Report = (input: HTMLElement, message: string) => void

export interface Field {
  element: HTMLElement
  /** The value; undefined is left out. */
  read(report: Report): unknown
}

interface Settings {
  schema: Schema
  /** The schema in which references are looked up. */
  root: Schema
  label: string
  required: boolean
  /** Labels are the titles of the schema, for a person who does not know its names. */
  titles?: boolean
  /** Default: that of the schema. */
  initial?: unknown
  depth?: number
}

/**
 * A field for the values of a JSON Schema, with a label, a description and a place for an error.
 */
export function createField(settings: Settings): Field {
  const schema = resolved(settings.schema, settings.root)
  const { initial = schema['default'], depth = 0 } = settings
  const title = settings.titles && typeof schema['title'] === 'string' && schema['title']
  const it = { ...settings, schema, initial, depth, ...(title && { label: title }) }
  const kind = kindOf(schema, depth)
  if (kind.kind === 'choice') return choiceField(it, kind.choices)
  if (kind.kind === 'boolean') return booleanField(it)
  if (kind.kind === 'number') return numberField(it, kind.integer)
  if (kind.kind === 'string') return stringField(it)
  if (kind.kind === 'choices') return choicesField(it, kind.choices)
  if (kind.kind === 'list') return listField(it, kind.items)
  if (kind.kind === 'object') return objectField(it, kind.properties, kind.required)
  return jsonField(it)
}

type Resolved = Required<Pick<Settings, 'depth'>> & Settings

function stringField(it: Resolved): Field {
  const { schema, required, initial } = it
  const text = typeof initial === 'string' ? initial : ''
  const long = Number(schema['maxLength'] ?? 0) > 200 || text.includes('\n')
  const type = INPUT_TYPES[String(schema['format'])] ?? 'text'
  const input = long
    ? element('textarea', { rows: 4, spellcheck: 'false' }, text)
    : element('input', { type, value: text, autocomplete: 'off', spellcheck: 'false' })
  return labelled(it, input, report => {
    // The text of an optional field that is empty is no text.
    if (input.value === '') return required ? '' : undefined
    const { minLength, maxLength } = schema
    const length = [...input.value].length
    if (typeof minLength === 'number' && length < minLength)
      return report(input, `At least ${minLength} characters`)
    if (typeof maxLength === 'number' && length > maxLength)
      return report(input, `At most ${maxLength} characters, not ${length}`)
    return input.value
  })
}

/** Date and time stay text: their inputs make other formats than JSON Schema has. */
const INPUT_TYPES: Record<string, string> = { email: 'email', uri: 'url', date: 'date' }

function numberField(it: Resolved, integer: boolean): Field {
  const { schema, required, initial } = it
  const input = element('input', {
    ...{ type: 'text', inputmode: integer ? 'numeric' : 'decimal', autocomplete: 'off' },
    value: typeof initial === 'number' ? String(initial) : '',
  })
  return labelled(it, input, report => {
    const text = input.value.trim()
    if (text === '') return required ? report(input, 'A number is needed') : undefined
    const value = Number(text)
    if (!Number.isFinite(value)) return report(input, 'This is no number')
    if (integer && !Number.isInteger(value)) return report(input, 'A whole number is needed')
    if (Number.isInteger(value) && !Number.isSafeInteger(value))
      return report(input, 'A browser cannot keep all digits of this number')
    const { minimum, maximum } = schema
    if (typeof minimum === 'number' && value < minimum) return report(input, `At least ${minimum}`)
    if (typeof maximum === 'number' && value > maximum) return report(input, `At most ${maximum}`)
    return value
  })
}

function booleanField(it: Resolved): Field {
  const choices = [true, false].map(value => ({ title: String(value), value }))
  return choiceField(it, choices)
}

function choiceField(it: Resolved, choices: Choice[]): Field {
  const { required, initial } = it
  const at = choices.findIndex(({ value }) => isSame(value, initial))
  const select = element(
    'select',
    {},
    ...(required && at < 0 ? [element('option', { value: '' }, 'Choose…')] : []),
    ...(required ? [] : [element('option', { value: '' }, 'Not given')]),
    ...choices.map(({ title }, index) =>
      element('option', { value: index, selected: index === at }, title),
    ),
  )
  return labelled(it, select, report => {
    if (select.value !== '') return choices[Number(select.value)]?.value
    return required ? report(select, 'Choose one') : undefined
  })
}

function choicesField(it: Resolved, choices: Choice[]): Field {
  const { required, initial } = it
  const given = Array.isArray(initial) ? initial : []
  const boxes = choices.map(({ value }) =>
    element('input', { type: 'checkbox', checked: given.some(one => isSame(one, value)) }),
  )
  const group = fieldset(
    it,
    ...boxes.map((box, at) => element('label', { class: 'check' }, box, choices[at]?.title)),
  )
  return {
    element: group,
    read() {
      const values = choices.filter((_, at) => boxes[at]?.checked).map(({ value }) => value)
      return values.length > 0 || required ? values : undefined
    },
  }
}

function listField(it: Resolved, items: Schema): Field {
  const { root, required, initial, depth, label, titles = false } = it
  const entries: { field: Field; row: HTMLElement }[] = []
  const rows = element('div', { class: 'rows' })
  const add = element('button', { type: 'button', class: 'small' }, 'Add an entry')
  add.setAttribute('aria-label', `Add an entry to ${label}`)
  const append = (value?: unknown) => {
    const name = `${label} ${entries.length + 1}`
    const field = createField({
      ...{ schema: items, root, label: name, required: true, depth: depth + 1, titles },
      ...(value !== undefined && { initial: value }),
    })
    const remove = element('button', { type: 'button' }, 'Remove')
    remove.setAttribute('aria-label', `Remove ${name}`)
    const row = element('div', { class: 'row' }, field.element, remove)
    const entry = { field, row }
    remove.addEventListener('click', () => {
      entries.splice(entries.indexOf(entry), 1)
      row.remove()
      add.focus()
    })
    entries.push(entry)
    rows.append(row)
    return row
  }
  for (const value of Array.isArray(initial) ? initial.slice(0, 100) : []) append(value)
  add.addEventListener('click', () => {
    append().querySelector<HTMLElement>('input, select, textarea')?.focus()
  })
  return {
    element: fieldset(it, rows, add),
    read(report) {
      const values = entries.map(({ field }) => field.read(report))
      return values.length > 0 || required ? values : undefined
    },
  }
}

function objectField(it: Resolved, properties: [string, Schema][], names: Set<string>): Field {
  const { root, required, initial, depth, titles = false } = it
  const given = isRecord(initial) ? initial : {}
  const fields = properties.map(([name, schema]) => {
    const value = Object.hasOwn(given, name) ? given[name] : undefined
    return {
      name,
      field: createField({
        ...{ schema, root, label: name, required: names.has(name), depth: depth + 1, titles },
        ...(value !== undefined && { initial: value }),
      }),
    }
  })
  const children = fields.map(({ field }) => field.element)
  return {
    element:
      depth === 0 ? element('div', { class: 'fields' }, ...children) : fieldset(it, ...children),
    read(report) {
      const problems: Parameters<Report>[] = []
      const values = fields.map(
        ({ name, field }) => [name, field.read((...args) => void problems.push(args))] as const,
      )
      const entries = values.filter(([, value]) => value !== undefined)
      const isFilled = entries.some(([, value]) => value !== '')
      // An optional object that nothing is filled in is left out, with what it would need.
      if (!required && depth > 0 && !isFilled) return undefined
      for (const args of problems) report(...args)
      return Object.fromEntries(entries)
    },
  }
}

function jsonField(it: Resolved): Field {
  const { required, initial } = it
  const text = initial === undefined ? '' : JSON.stringify(initial, null, 2)
  const input = element('textarea', { rows: 4, class: 'code', spellcheck: 'false' }, text)
  return labelled(it, input, report => {
    if (input.value.trim() === '') return required ? report(input, 'JSON is needed') : undefined
    try {
      return JSON.parse(input.value)
    } catch (error) {
      return report(input, `This is no JSON: ${(error as Error).message}`)
    }
  })
}

type Input = HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement

function labelled(it: Resolved, input: Input, value: (report: Report) => unknown): Field {
  const [id, descriptionId, errorId] = [newId(), newId(), newId()]
  const description = descriptionOf(it.schema, it.label)
  const error = element('p', { class: 'error', id: errorId, hidden: true })
  input.id = id
  input.setAttribute('aria-describedby', `${description ? `${descriptionId} ` : ''}${errorId}`)
  if (it.required) input.setAttribute('aria-required', 'true')
  const show = (message: string) => {
    error.textContent = message
    error.hidden = message === ''
    input.setAttribute('aria-invalid', String(message !== ''))
  }
  input.addEventListener('input', () => show(''))
  return {
    element: element(
      'div',
      { class: 'field' },
      element('label', { for: id }, ...nameOf(it)),
      description !== '' && element('p', { class: 'hint', id: descriptionId }, description),
      input,
      error,
    ),
    read(report) {
      show('')
      return value((at, message) => {
        show(message)
        report(at, message)
      })
    },
  }
}

function fieldset(it: Resolved, ...children: HTMLElement[]): HTMLElement {
  const description = descriptionOf(it.schema, it.label)
  return element(
    'fieldset',
    {},
    element('legend', {}, ...nameOf(it)),
    description !== '' && element('p', { class: 'hint' }, description),
    ...children,
  )
}

function nameOf({ label, required, schema }: Resolved): (HTMLElement | string)[] {
  const { type } = schema
  const shown = Array.isArray(type) ? type.join(' or ') : String(type ?? '')
  const facts = [shown, required ? '' : 'optional'].filter(Boolean).join(', ')
  return [label, ...(facts ? [element('span', { class: 'facts' }, facts)] : [])]
}

function descriptionOf({ title, description }: Schema, label: string): string {
  const own = typeof title === 'string' && title !== label ? title : ''
  return [own, typeof description === 'string' ? description : ''].filter(Boolean).join('. ')
}

const isSame = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other)
