export const TYPES = ['tool', 'resource', 'prompt'] as const

export type RegistrationType = (typeof TYPES)[number]

/** The rule of SEP-986 for tools. It holds for all types, since the name is part of a URL. */
export const NAME = /^[A-Za-z0-9_.-]{1,128}$/

/** A longer name gets a warning: some MCP clients cut or refuse it. */
export const SAFE_NAME_LENGTH = 64

export const registrationId = (type: RegistrationType, name: string): string => `${type}-${name}`

/** The type and the name in an id; undefined where it is not an id. */
export function parseRegistrationId(
  id: string,
): { type: RegistrationType; name: string } | undefined {
  const type = TYPES.find(known => id.startsWith(`${known}-`))
  if (!type) return undefined
  const name = id.slice(type.length + 1)
  return NAME.test(name) ? { type, name } : undefined
}
