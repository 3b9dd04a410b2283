const EXPRESSION = /\{([+#./;?&]?)([^{}]*)\}/g

const namesIn = (list: string) => list.split(',').map(it => it.replace(/(\*|:\d+)$/, ''))

/** The variables of a URI template of RFC 6570. */
export const variablesOf = (template: string): string[] => [
  ...new Set([...template.matchAll(EXPRESSION)].flatMap(([, , list = '']) => namesIn(list))),
]

/** Expands a URI template of RFC 6570 with texts. A variable without a value is left out. */
export function expand(template: string, values: Record<string, unknown>): string {
  return template.replace(EXPRESSION, (_, operator: string, list: string) => {
    const given = namesIn(list).filter(it => values[it] !== undefined)
    const encode = '+#'.includes(operator || '-') ? encodeURI : encodeURIComponent
    const isNamed = operator !== '' && ';?&'.includes(operator)
    const parts = given.map(it => {
      const value = encode(String(values[it]))
      return isNamed ? `${it}=${value}` : value
    })
    const first = operator === '+' ? '' : operator
    const between = { '': ',', '+': ',', '#': ',', '?': '&' }[operator] ?? operator
    return parts.length === 0 ? '' : first + parts.join(between)
  })
}
