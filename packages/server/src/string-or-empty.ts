/**
 * A member that should be a string. Empty for every other value: `String` throws for an object
 * whose `toString` is no function, and JSON has such objects.
 */
export const stringOrEmpty = (value: unknown): string => (typeof value === 'string' ? value : '')
