import type { ClientError } from '../errors.ts'

const ABOUT_CREDENTIALS = new Set(['expired_token', 'invalid_credentials', 'no_credentials'])

/**
 * What to do about credentials that are missing or refused, with the command that logs in to the
 * profile. Undefined for another error, and where the profile has no such command.
 */
export async function loginHint(
  { code }: ClientError,
  profile = process.env['AWS_PROFILE'] || 'default',
): Promise<string | undefined> {
  if (!ABOUT_CREDENTIALS.has(code)) return undefined
  const command = await loginCommand(profile)
  return (
    command &&
    `Log in with "${command}". The next request uses the new login: no restart is needed.`
  )
}

async function loginCommand(first: string): Promise<string | undefined> {
  const { loadSharedConfigFiles } = await import('@smithy/core/config')
  const files = await loadSharedConfigFiles({ ignoreCache: true }).catch(() => undefined)
  const seen = new Set<string>()
  for (let name = first; !seen.has(name); ) {
    seen.add(name)
    const profile = files?.configFile[name] ?? {}
    const option = name === 'default' ? '' : ` --profile ${quoted(name)}`
    if (profile['sso_session'] || profile['sso_start_url']) return `aws sso login${option}`
    if (profile['login_session']) return `aws login${option}`
    name = profile['source_profile'] ?? name
  }
  return undefined
}

const quoted = (name: string) => (/^[\w.@-]+$/.test(name) ? name : `'${name}'`)
