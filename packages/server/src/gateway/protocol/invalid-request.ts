import { cutText } from '../../http/cut-text.ts'
import { isRecord } from '../../is-record.ts'

/** Number of problems that one sentence names. */
const MAX_PROBLEMS = 3

/**
 * The sentence for a request that the SDK's schemas refuse. The SDK reports all issues as a JSON
 * text. Undefined for any other message.
 *
 * @param message a message of the SDK that ends with the issues
 */
export function invalidRequestText(method: string, message: string): string | undefined {
  const issues = issuesIn(message)
  if (!issues) return undefined
  const problems = issues.slice(0, MAX_PROBLEMS).map(problemOf)
  const more = issues.length > MAX_PROBLEMS ? `, and ${issues.length - MAX_PROBLEMS} more` : ''
  return cutText(`The request ${method} is not valid: ${problems.join('; ')}${more}`)
}

interface Issue {
  path: unknown[]
  message: string
  /** The issues of each alternative, where none of them fits. */
  errors?: unknown
}

function issuesIn(message: string): Issue[] | undefined {
  const start = message.indexOf('[')
  if (start < 0) return undefined
  try {
    const issues: unknown = JSON.parse(message.slice(start))
    return Array.isArray(issues) && issues.length > 0 && issues.every(isIssue) ? issues : undefined
  } catch {
    return undefined // not a message with issues
  }
}

const isIssue = (it: unknown): it is Issue =>
  isRecord(it) && Array.isArray(it['path']) && typeof it['message'] === 'string'

function problemOf({ path, message, errors }: Issue): string {
  // Of alternatives, the first one stands for all.
  const nested = Array.isArray(errors) ? [errors[0]].flat()[0] : undefined
  if (isIssue(nested)) return problemOf({ ...nested, path: [...path, ...nested.path] })
  const [first, ...rest] = path
  const place = (first === 'params' ? rest : path).join('.') || 'params'
  return `"${place}": ${message.replace(/^Invalid (input|option): /, '')}`
}
