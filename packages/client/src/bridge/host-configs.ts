import { APPLICATIONS, serverOf, thisSystem } from './applications.ts'

/** What one application needs to start the bridge. */
export interface HostConfig {
  /** The name of the application. */
  title: string
  /** Where the text goes, on this system. */
  place: string
  /** JSON to paste. */
  text: string
}

/**
 * What `--print-config` prints for every application that it knows, on this system and without a
 * profile: a loopback URL is signed with the published key of the local gateway.
 */
export function hostConfigs(url: string): HostConfig[] {
  const system = thisSystem()
  const server = serverOf(system, [url], {})
  return Object.values(APPLICATIONS).map(({ title, place, text }) => ({
    title,
    place: place[system],
    text: text(server, 'gateway'),
  }))
}
