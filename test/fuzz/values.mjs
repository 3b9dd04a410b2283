// Random JSON values and texts: ordinary ones, and those that break parsers and limits.

/** @typedef {import('./random.mjs').Random} Random */

const NAMES = [
  'content',
  'structuredContent',
  'contents',
  'messages',
  'isError',
  '_meta',
  'type',
  'text',
  'uri',
  'name',
  'id',
  'constructor',
  'toString',
  '__proto__',
  'then',
  'length',
  '',
  ' ',
  'ключ',
  'a.b',
  'a/b',
]

const TEXTS = [
  '',
  ' ',
  'text',
  'null',
  '\0',
  '\n',
  '\r\n\r\n',
  'data: x\n\n',
  '\u2028\u2029\u0085',
  '\ufeff',
  '\ud800',
  '\udc00\ud800',
  '👩‍👩‍👧‍👦',
  'é'.repeat(300),
  '\u202etxet',
  '{"jsonrpc":"2.0"}',
  '[[[[',
  '"',
  '\\',
  '\\u0000',
  '../../etc/passwd',
  '%00',
  '%zz',
  '%F0%9F%92%A9',
  'a'.repeat(2_000),
  ' '.repeat(2_000),
  'a,'.repeat(700),
  '2026-11-26T00:00:00Z',
  'https://example.com/?a=b&c=%20#d',
  'notes://1',
  'dates://2026-11-26',
  '<script>alert(1)</script>',
  "'; DROP TABLE x; --",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a text that some parsers expand
  '${jndi:ldap://x}',
  'NaN',
  'true',
  '-1',
]

export const NUMBERS = [
  0,
  -0,
  1,
  -1,
  0.1,
  1e-7,
  1e21,
  1.7976931348623157e308,
  5e-324,
  2 ** 31,
  2 ** 32,
  2 ** 53 - 1,
  2 ** 53,
  2 ** 53 + 2,
  -(2 ** 63),
]

/** @param {Random} random */
export const textValue = random =>
  random.weighted([
    [5, () => random.pick(TEXTS)],
    [4, () => random.pick(NAMES)],
    [2, () => String.fromCharCode(...random.list(random.int(20), () => random.int(0x10000)))],
    [1, () => random.pick(TEXTS).repeat(random.int(40))],
  ])

/** @param {Random} random */
const nameValue = random =>
  random.chance(0.9) ? random.pick(NAMES) : textValue(random).slice(0, 50)

/**
 * @param {Random} random
 * @param {number} [depth] how deep it may be nested
 * @returns {unknown}
 */
export const jsonValue = (random, depth = 4) =>
  random.weighted([
    [3, () => textValue(random)],
    [2, () => random.pick(NUMBERS)],
    [1, () => random.chance(0.5)],
    [1, () => null],
    [depth > 0 ? 2 : 0, () => random.list(random.int(4), () => jsonValue(random, depth - 1))],
    [depth > 0 ? 3 : 0, () => objectValue(random, depth - 1)],
    [0.03, () => nested(random.pick([50, 150, 250, 3_000]), random.chance(0.5))],
  ])

/**
 * @param {Random} random
 * @param {number} [depth]
 * @returns {Record<string, unknown>}
 */
const objectValue = (random, depth = 3) =>
  Object.fromEntries(
    random.list(random.int(5), () => [nameValue(random), jsonValue(random, depth)]),
  )

/**
 * A value that is nested so many levels deep.
 *
 * @param {number} levels
 * @param {boolean} isList
 */
export function nested(levels, isList) {
  /** @type {unknown} */
  let value = 1
  for (let level = 0; level < levels; level++) value = isList ? [value] : { a: value }
  return value
}

/**
 * The same value with a few random changes: members that are gone, new or of another type.
 *
 * @param {Random} random
 * @param {unknown} value
 * @param {number} [rate] how likely it is that a part of it changes
 * @returns {unknown}
 */
export function changed(random, value, rate = 0.12) {
  if (random.chance(rate)) return jsonValue(random, 2)
  if (Array.isArray(value)) {
    const items = value.map(item => changed(random, item, rate))
    if (random.chance(rate)) items.push(jsonValue(random, 2))
    return items
  }
  if (typeof value !== 'object' || value === null) return value
  const members = Object.entries(value)
    .filter(() => !random.chance(rate / 2))
    .map(([name, member]) => [name, changed(random, member, rate)])
  if (random.chance(rate)) members.push([nameValue(random), jsonValue(random, 2)])
  return Object.fromEntries(members)
}

/**
 * The same JSON text with a change that no JSON value has: numbers that no double holds, a name
 * that occurs twice, white space, a byte order mark, or an early end.
 *
 * @param {Random} random
 * @param {string} json
 */
export const changedText = (random, json) =>
  random.weighted([
    [4, () => json.replace(/(?<=:)-?\d+(?=[,}])/g, () => random.pick(NUMBER_TEXTS))],
    [2, () => json.replace(/^\{/, `{"${random.pick(NAMES)}":1,"${random.pick(NAMES)}":null,`)],
    [1, () => `\ufeff${json}`],
    [1, () => `${' '.repeat(random.int(2_000))}${json}\n\n`],
    [2, () => json.slice(0, random.int(json.length + 1))],
    [1, () => `${json}${random.pick(['}', ']', ' x', '\0', json])}`],
    [1, () => random.pick(NOT_JSON)],
  ])

const NUMBER_TEXTS = [
  '123456789012345678901234567890',
  '9007199254740993',
  '0.1000000000000000055511151231257827',
  '1e999',
  '-1e400',
  '1E+2',
  '-0',
  '-0.0',
  '1.0',
  '01',
  '+1',
  '0x1f',
  'NaN',
]

const NOT_JSON = [
  '',
  ' ',
  'null',
  '""',
  'undefined',
  '{',
  '[',
  '['.repeat(10_000),
  `${'['.repeat(10_000)}${']'.repeat(10_000)}`,
  `${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`,
  'a=b&c=d',
  '<?xml version="1.0"?>',
  '{"jsonrpc":"2.0",}',
  "{'jsonrpc':'2.0'}",
  `"${'a'.repeat(100_000)}`,
  `"${'\\'.repeat(99_999)}`,
]
