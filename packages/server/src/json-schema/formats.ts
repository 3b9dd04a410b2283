import type { Ajv } from '@modelcontextprotocol/server/validators/ajv'

/** From this length on the expressions of ajv-formats may overflow the stack of the engine. */
const LONG = 10_000

/** Replaces what cannot check megabytes, such as a `data:` URI or a file in base64. */
export function addLongFormats(ajv: InstanceType<typeof Ajv>) {
  ajv.addFormat('byte', isBase64)
  ajv.addFormat('json-pointer', /^(?!.*~(?![01]))(?:\/|$)/s)
  for (const [name, base] of [['uri'], ['uri-reference', 'http://localhost/']] as const) {
    const exact = ajv.formats[name]
    ajv.addFormat(name, value => {
      if (value.length > LONG) return URL.canParse(value, base)
      return exact instanceof RegExp ? exact.test(value) : (exact as typeof isBase64)(value)
    })
  }
}

/** Line breaks are accepted, as MIME writes them. */
function isBase64(value: string): boolean {
  const text = /[\r\n]/.test(value) ? value.replace(/[\r\n]+/g, '') : value
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text)
}
