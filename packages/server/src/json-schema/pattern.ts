/**
 * The regular expression for a `pattern`. JSON Schema asks for Unicode mode. Patterns that are
 * valid only without it, such as `\_` or `[\w-.]`, are common and work too. So do some forms of
 * other languages that mean the same: `\A` and `\Z`, `(?P<name>…)`, and `(?i)` at the beginning.
 *
 * @throws SyntaxError
 */
export function toRegExp(pattern: string): RegExp {
  try {
    return new RegExp(pattern, 'u')
  } catch (error) {
    const [, flags = '', rest = ''] = /^(?:\(\?([ims]+)\))?(.*)$/s.exec(pattern) ?? []
    const source = inJavaScript(rest)
    for (const mode of ['u', ''])
      try {
        // Without Unicode mode `\p{L}` is the text "p{L}".
        if (mode === '' && /\\[pPu]\{/.test(source)) break
        return new RegExp(source, [...new Set(flags + mode)].join(''))
      } catch {
        // Not valid in this mode: the error of the original pattern says why.
      }
    throw error
  }
}

const inJavaScript = (pattern: string) =>
  pattern.replace(/\\.|\(\?P</gs, it =>
    it === '\\A' ? '^' : it === '\\Z' || it === '\\z' ? '$' : it === '(?P<' ? '(?<' : it,
  )
