import { loadSharedConfigFiles } from '@smithy/core/config'

import { DeployError } from './errors.ts'

export interface Profile {
  region?: string
}

/** The profiles of the AWS configuration files, by name. Other sections are none. */
export async function readProfiles(): Promise<Map<string, Profile>> {
  const { configFile, credentialsFile } = await loadSharedConfigFiles({ ignoreCache: true })
  const profiles = new Map<string, Profile>()
  // "sso-session.name" and "services.name" are other sections.
  for (const [name, section] of [...Object.entries(configFile), ...Object.entries(credentialsFile)])
    if (!/^(sso-session|services)\./.test(name)) {
      const region = section?.['region'] ?? profiles.get(name)?.region
      profiles.set(name, region === undefined ? {} : { region })
    }
  return profiles
}

/** Rejects with `profile_not_found`, which names the profiles that there are. */
export async function requireProfile(name: string): Promise<Profile> {
  const profiles = await readProfiles()
  const profile = profiles.get(name)
  if (profile) return profile
  throw new DeployError('profile_not_found', `There is no AWS profile "${name}"`, {
    hint: `${knownProfiles([...profiles.keys()])} "aws configure --profile ${name}" makes it.`,
  })
}

function knownProfiles(names: string[]): string {
  if (names.length === 0) return 'The AWS configuration has no profile.'
  const more = names.length > SHOWN ? ` and ${names.length - SHOWN} more` : ''
  return `The profiles are: ${names.slice(0, SHOWN).join(', ')}${more}.`
}

const SHOWN = 20
