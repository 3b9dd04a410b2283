/**
 * Whether a URI matches a URI template, by the rules of the MCP SDK's `UriTemplate`, with which the
 * gateway finds the resource for a URI. Bundling the SDK would nearly double the registration
 * function's code.
 */
export function matchesUriTemplate(uri: string, template: string): boolean {
  const pattern = template
    .split(/\{([^}]+)\}/)
    .map((part, n) => (n % 2 === 0 ? literal(part) : patternOf(part)))
    .join('')
  return new RegExp(`^${pattern}$`).test(uri)
}

/**
 * The pattern for an expression between braces, such as `id`, `+path`, `/segment*` or `?from,to`.
 */
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
