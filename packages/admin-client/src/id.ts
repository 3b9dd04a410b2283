export const TYPES = ['tool', 'resource', 'prompt'] as const

export type RegistrationType = (typeof TYPES)[number]

/** Tool names by SEP-986; the same rule for all three types, since the name is part of a URL. */
export const NAME = /^[A-Za-z0-9_.-]{1,128}$/

/** Some MCP clients cut or refuse longer tool names, so a longer one is accepted with a warning. */
export const SAFE_NAME_LENGTH = 64

export const registrationId = (type: RegistrationType, name: string): string => `${type}-${name}`

/** The type and name in an id, or undefined where it is not one. */
export function parseRegistrationId(
  id: string,
): { type: RegistrationType; name: string } | undefined {
  const type = TYPES.find(known => id.startsWith(`${known}-`))
  if (!type) return undefined
  const name = id.slice(type.length + 1)
  return NAME.test(name) ? { type, name } : undefined
}
