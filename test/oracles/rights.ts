/** A statement of a role's policy, as IAM stores it. */
export interface Statement {
  Effect: 'Allow' | 'Deny'
  Action: string | string[]
  Resource?: string | string[]
  NotResource?: string | string[]
  Condition?: Record<string, Record<string, string | string[]>>
}

/** One action of an API call on one resource. A transaction has several. */
export interface Call {
  action: string
  resource: string
  /** Condition keys, such as `lambda:Principal`, and their values. */
  context: Record<string, string>
}

/** Lambda uses these rights itself, to write the logs of a function. */
const OF_LAMBDA = ['logs:CreateLogStream', 'logs:PutLogEvents']

/**
 * What is wrong between the calls of a function and the rights of its role: calls without a right,
 * and rights without a call.
 */
export function compare(statements: Statement[], calls: Call[]): string[] {
  const allowing = statements.filter(it => it.Effect === 'Allow')
  const denying = statements.filter(it => it.Effect === 'Deny')
  const refused = calls.filter(
    call => !allowing.some(it => matches(it, call)) || denying.some(it => matches(it, call)),
  )
  const unused = allowing
    .flatMap(single)
    .filter(it => !OF_LAMBDA.includes(it.Action) && !calls.some(call => matches(it, call)))
  return [
    ...new Set(refused.map(it => `call without a right: ${it.action} on ${it.resource}`)),
    ...unused.map(it => `right without a call: ${it.Action} on ${it.Resource}`),
  ]
}

/** One statement for each pair of action and resource. */
function single(statement: Statement) {
  return listed(statement.Action).flatMap(Action =>
    listed(statement.Resource).map(Resource => ({ ...statement, Action, Resource })),
  )
}

function matches(statement: Statement, { action, resource, context }: Call): boolean {
  const { Action, Resource, NotResource, Condition = {} } = statement
  return (
    like(Action, action, 'i') &&
    (NotResource ? !like(NotResource, resource) : like(Resource, resource)) &&
    Object.entries(Condition).every(([operator, keys]) =>
      Object.entries(keys).every(([key, value]) => holds(operator, value, context[key])),
    )
  )
}

function holds(operator: string, expected: string | string[], actual: string | undefined) {
  switch (operator) {
    case 'StringEquals':
    case 'ArnEquals':
      return actual !== undefined && listed(expected).includes(actual)
    case 'StringLike':
    case 'ArnLike':
      return actual !== undefined && like(expected, actual)
    default:
      throw new Error(`The comparison does not know the condition operator ${operator}`)
  }
}

function like(patterns: string | string[] | undefined, text: string, flags = '') {
  return listed(patterns).some(pattern =>
    new RegExp(
      `^${pattern
        .replace(/[.+^${}()|[\]\\]/g, '\\$&')
        .replaceAll('*', '.*')
        .replaceAll('?', '.')}$`,
      flags,
    ).test(text),
  )
}

const listed = (it: string | string[] = []) => (Array.isArray(it) ? it : [it])
