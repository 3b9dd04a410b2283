import { randomBytes, randomUUID } from 'node:crypto'

/** 144 random bits: an id that cannot be guessed, and that is safe in a URL and in a table key. */
export const createSessionId = () => randomBytes(18).toString('base64url')

/** Whether a client's text can be the id of a session. Checked before a table is read with it. */
export const isSessionId = (id: string) => /^[\w-]{22,64}$/.test(id)

/**
 * The id of a request of the server, which no other environment uses. Some clients take a number
 * for the response to a request of their own.
 */
export const createServerRequestId = () => `s-${randomUUID()}`
