import { toBase64 } from '../base64.ts'
import { isRecord, parseJson } from '../is-record.ts'

/** Stands in a message for what may be a credential. */
const HIDDEN = '[redacted]'

/** Hides the secrets that were sent, and parts of them. Leaves everything else as it is. */
export function redactSent(text: string, sent: readonly string[]): string {
  return hideSent(text, sent)
}

/**
 * A body without what may be a credential. JSON stays JSON, and a text in which nothing is hidden
 * stays as it is.
 */
export function redactBody(text: string, sent: readonly string[]): string {
  const body = parseJson(text)
  if (typeof body !== 'object' || body === null) return redact(text, sent)
  try {
    const hidden = JSON.stringify(redactValue(body, sent))
    return hidden === JSON.stringify(body) ? text : hidden
  } catch {
    return redact(text, sent) // nested deeper than the stack
  }
}

function redactValue(value: unknown, sent: readonly string[]): unknown {
  if (typeof value === 'string') return redact(value, sent)
  if (Array.isArray(value)) return value.map(it => redactValue(it, sent))
  if (!isRecord(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, it]) => [
      redact(name, sent),
      SECRET_NAME.test(name) && typeof it === 'string' ? HIDDEN : redactValue(it, sent),
    ]),
  )
}

/** Members whose text is hidden, whatever it looks like. */
const SECRET_NAME = /authorization|token|secret|passw|api[-_ ]?key|cookie|signature|credential/i

/** The longest text that is looked at. */
const MAX_LENGTH = 20_000

/**
 * Hides what may be a credential: the secrets that were `sent`, what stands behind a name such as
 * `Authorization:`, and words that no person writes. It also finds them percent-encoded, as HTML or
 * JSON escapes, and in base64 and hex.
 */
export function redact(text: string, sent: readonly string[] = []): string {
  const whole = text.slice(0, MAX_LENGTH)
  const hidden = hide(whole, sent)
  let decoded = whole
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const next = decode(decoded)
    if (next === decoded) return hidden
    decoded = next
    const found = hide(decoded, sent)
    // The decoded text is shown only where the encoded one hides something.
    if (found !== decoded) return hide(decodeAll(decoded), sent)
  }
  return hidden
}

/** A text may be encoded several times on its way through proxies. */
const MAX_ROUNDS = 5

function decodeAll(text: string): string {
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const next = decode(text)
    if (next === text) break
    text = next
  }
  return text
}

function hide(text: string, sent: readonly string[]): string {
  return hideSent(text, sent)
    .replace(QUOTED_KEY, `'${HIDDEN}' not a valid key`)
    .replace(SCHEME, `$1 ${HIDDEN}`)
    .replace(NAMED, `$1 ${HIDDEN}`)
    .replace(ARN_OR_WORD, (word, arn?: string) => (!arn && isOpaque(word) ? HIDDEN : word))
}

/** A secret may be cut: this many characters in a row are hidden. */
const PART = 16

/** Hides the secrets, and parts of them. */
function hideSent(text: string, sent: readonly string[]): string {
  const { short, parts } = searchedFor(sent)
  let result = text
  for (const form of short) result = result.replaceAll(form, HIDDEN)
  let shown = ''
  for (let at = 0; at < result.length; ) {
    let end = at
    for (let next = at; next <= end && parts.has(result.slice(next, next + PART)); next++)
      end = next + PART
    shown += end > at ? HIDDEN : result[at]
    at = Math.max(end, at + 1)
  }
  return shown
}

interface Searched {
  /** Forms of secrets that are shorter than a part. */
  short: string[]
  parts: ReadonlySet<string>
}

/** A body may have thousands of texts, in which the same secrets are looked for. */
const searched = new WeakMap<object, Searched>()

function searchedFor(sent: readonly string[]): Searched {
  const known = searched.get(sent)
  if (known) return known
  const forms = sent.flatMap(formsOf)
  const parts = new Set<string>()
  for (const form of forms)
    for (let at = 0; at + PART <= form.length; at++) parts.add(form.slice(at, at + PART))
  const found = { short: forms.filter(it => it.length < PART), parts }
  searched.set(sent, found)
  return found
}

/**
 * API Gateway: `'<token>' not a valid key=value pair (missing equal-sign) in Authorization
 * header`.
 */
const QUOTED_KEY = /'[^']*' not a valid key/g

/** The value of an `Authorization` header, without the name of the header. */
const SCHEME =
  /\b(AWS4-[A-Z0-9-]+|AWS3-HTTPS|Bearer|Basic|Digest|Negotiate)\s+(?!(?:token|scheme|auth\w*)\b)\S.*/gi

/** The rest of the line behind the name of a secret and `:` or `=`. */
const NAMED =
  /\b((?:proxy-)?authorization|x-amz-[\w-]{1,60}|x-api-key|(?:set-)?cookie|(?:[a-z]{1,40}[-_ ]?)?(?:token|secret|password|passwd|api[-_ ]?key)|secret[-_ ]?access[-_ ]?key|signature|credential)\b["'\\]{0,4}(?: header[^:=]{0,80})?\s{0,4}[:=].*/gi

/** The names in ARNs may look random: CloudFormation gives them such endings. */
const ARN_OR_WORD = /\b(arn:aws[\w-]*:[\w:/+=,.@-]+)|[A-Za-z0-9+/_=~.-]{16,}/g

/**
 * Whether a word is random: long parts in which letters and digits alternate, as in base64, hex and
 * access keys. Names, ARNs, paths and times are none.
 */
function isOpaque(word: string): boolean {
  if (UUID.test(word)) return false
  const random = word.split(/[/_+=~.-]+/).filter(part => !PLAIN.test(part))
  return random.join('').length >= 20
}

/** Words with a number behind them, numbers, times, and the hex digits of ids of AWS and ours. */
const PLAIN = /^([A-Za-z]{0,40}\d{0,4}|\d{1,20}|\d{8}T\d{6}Z|[0-9a-f]{8,17})$/

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** A secret as it may stand in a text, besides the forms that `decode` reads. */
function formsOf(secret: string): string[] {
  const bytes = new TextEncoder().encode(secret)
  const base64 = toBase64(bytes)
  const hex = Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
  return [secret, base64, base64.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, ''), hex]
}

const decode = (text: string): string =>
  text
    .replace(/\\{1,4}(?:u00|x)([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(parseInt(hex, 16)))
    .replace(/&#x([0-9a-f]{1,4});/gi, (_, hex) => String.fromCharCode(parseInt(hex, 16)))
    .replace(/&#(\d{1,5});/g, (_, code) => String.fromCharCode(Number(code)))
    .replace(/&(quot|amp|lt|gt|apos);/g, (_, name: string) => NAMED_ENTITIES[name] ?? '')
    .replace(/(?:%[0-9a-f]{2})+/gi, decodePercent)

const NAMED_ENTITIES: Record<string, string> = { quot: '"', amp: '&', lt: '<', gt: '>', apos: "'" }

function decodePercent(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text // not UTF-8
  }
}
