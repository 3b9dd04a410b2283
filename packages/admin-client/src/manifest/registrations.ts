import type { Issue, RegistrationInput } from '../api-schema.ts'
import { AdminError } from '../errors.ts'
import { OWNER, OWNER_RULE } from '../owner.ts'
import type { Manifest } from './manifest.ts'
import { expandVariables, UnresolvedVariable, type VariableSources } from './variables.ts'

const PARTS = [
  ['tool', 'tools'],
  ['resource', 'resources'],
  ['prompt', 'prompts'],
] as const

/**
 * The registrations of a manifest, with the values of its variables. Rejects with an `AdminError`,
 * `invalid_manifest`, that names each variable without a value.
 */
export async function toRegistrations(
  manifest: Manifest,
  sources: VariableSources,
): Promise<{ owner: string | undefined; registrations: RegistrationInput[] }> {
  const issues: Issue[] = []
  const expand = async (text: string, path: string, stack?: string) => {
    try {
      return await expandVariables(text, sources, stack)
    } catch (error) {
      if (!(error instanceof UnresolvedVariable)) throw error
      issues.push({ path, message: error.message })
      return text
    }
  }
  const stack = manifest.stack && (await expand(manifest.stack, '/stack'))
  const owner = manifest.owner && (await expand(manifest.owner, '/owner'))
  if (owner !== undefined && issues.length === 0 && !OWNER.test(owner))
    issues.push({ path: '/owner', message: `"${owner}" ${OWNER_RULE}` })
  const registrations: RegistrationInput[] = []
  for (const [type, part] of PARTS)
    for (const [name, entry] of Object.entries(manifest[part] ?? {})) {
      const { function: functionName, lambdaArn, allow, ...fields } = entry
      const place = `/${part}/${name}`
      const arn = lambdaArn ?? manifest.functions?.[functionName ?? '']?.arn
      if (arn === undefined) {
        const path = `/functions/${functionName}/arn`
        if (!issues.some(it => it.path === path))
          issues.push({ path, message: 'is missing: registering a function needs its ARN' })
        continue
      }
      registrations.push({
        ...fields,
        type,
        name,
        lambdaArn: await expand(arn, `${place}/lambdaArn`, stack),
        ...(allow && {
          allow: await Promise.all(
            allow.map((text: string, at: number) => expand(text, `${place}/allow/${at}`, stack)),
          ),
        }),
        ...(owner !== undefined && { owner }),
      } as RegistrationInput)
    }
  if (issues.length === 0) return { owner, registrations }
  throw new AdminError(
    'invalid_manifest',
    issues.map(({ path, message }) => `${path}: ${message}`).join('\n'),
    { issues, hint: 'Correct each of these, then run the command again.' },
  )
}
