/**
 * Whether a URI is one of a template's, by the rules with which the gateway finds the resource that a client
 * reads: those of the MCP SDK's UriTemplate. The SDK itself would nearly double this function's code.
 */
export function isOfTemplate(uri: string, template: string): boolean {
  const pattern = template
    .split(/\{([^}]+)\}/)
    .map((part, n) => (n % 2 === 0 ? literal(part) : patternOf(part)))
    .join('')
  return new RegExp(`^${pattern}$`).test(uri)
}

/** Of what stands between braces, such as `id`, `+path`, `/segment*` or `?from,to`. */
function patternOf(expression: string): string {
  const [, operator, list = ''] = /^([+#./?&]?)(.*)$/.exec(expression) ?? []
  const value = list.includes('*') ? '[^/,]+(?:,[^/,]+)*' : '[^/,]+'
  switch (operator) {
    case '+':
    case '#':
      return '.+'
    case '.':
      return String.raw`\.[^/,]+`
    case '/':
      return `/${value}`
    case '?':
    case '&':
      return list
        .split(',')
        .map((name, n) => `${n ? '&' : literal(operator)}${literal(name.replace('*', ''))}=[^&]+`)
        .join('')
    default:
      return value
  }
}

const literal = (text: string) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
