/** Where the values of `${…}` come from. */
export interface VariableSources {
  environment: Readonly<Record<string, string | undefined>>
  /** The outputs of a CloudFormation stack, by key. Rejects with an `AdminError`. */
  stackOutputs(stack: string): Promise<Readonly<Record<string, string>>>
  /** The exports of CloudFormation, by name. Rejects with an `AdminError`. */
  exports(): Promise<Readonly<Record<string, string>>>
}

/** A variable that has no value. The message says which one, and what to do. */
export class UnresolvedVariable extends Error {
  override readonly name = 'UnresolvedVariable'
}

/**
 * Replaces `${NAME}` (an environment variable), `${stack:OutputKey}` (of `stack`),
 * `${stack:STACK.OutputKey}` and `${cfn-export:Name}`.
 *
 * @throws UnresolvedVariable
 */
export async function expandVariables(
  text: string,
  sources: VariableSources,
  stack: string | undefined,
): Promise<string> {
  let result = ''
  let end = 0
  for (const match of text.matchAll(VARIABLE)) {
    result += text.slice(end, match.index) + (await variableValue(match[1] ?? '', sources, stack))
    end = match.index + match[0].length
  }
  return result + text.slice(end)
}

/** Replaces `${NAME}` only. @throws UnresolvedVariable */
export function expandEnvironment(
  text: string,
  environment: VariableSources['environment'],
): string {
  return text.replace(VARIABLE, (_, name: string) => environmentValue(name, environment))
}

const VARIABLE = /\$\{([^}]*)\}/g

async function variableValue(
  variable: string,
  { environment, stackOutputs, exports }: VariableSources,
  stack: string | undefined,
): Promise<string> {
  const [, kind, rest = ''] = /^(stack|cfn-export):(.+)$/.exec(variable) ?? []
  if (kind === undefined) return environmentValue(variable, environment)
  if (kind === 'cfn-export') {
    const all = await exports()
    if (Object.hasOwn(all, rest)) return all[rest] ?? ''
    throw new UnresolvedVariable(`CloudFormation has no export "${rest}" in this region`)
  }
  // Neither the name of a stack nor the key of an output has a dot.
  const [key = '', name = stack, ...more] = rest.split('.').reverse()
  if (key === '' || name === '' || more.length > 0)
    throw new UnresolvedVariable(
      `\${${variable}} is not a variable: write \${stack:OutputKey} or \${stack:STACK.OutputKey}`,
    )
  if (name === undefined)
    throw new UnresolvedVariable(
      `\${${variable}} names no stack: set "stack" in the manifest, or write \${stack:STACK.${key}}`,
    )
  const outputs = await stackOutputs(name)
  if (Object.hasOwn(outputs, key)) return outputs[key] ?? ''
  const known = Object.keys(outputs).slice(0, 20).join(', ') || 'none'
  throw new UnresolvedVariable(
    `the stack ${name} has no output "${key}"; its outputs are: ${known}`,
  )
}

function environmentValue(name: string, environment: VariableSources['environment']): string {
  if (!/^[A-Za-z_]\w*$/.test(name))
    throw new UnresolvedVariable(
      `\${${name}} is not a variable: write \${NAME}, \${stack:OutputKey} or \${cfn-export:Name}`,
    )
  const value = environment[name]
  if (value) return value
  throw new UnresolvedVariable(`the environment variable ${name} is not set`)
}
