import { randomBytes } from 'node:crypto'

/** 144 random bits: an id that cannot be guessed, and that is safe in a URL and in a table key. */
export const createSessionId = () => randomBytes(18).toString('base64url')

/** Whether a client's text can be the id of a session. Checked before a table is read with it. */
export const isSessionId = (id: string) => /^[\w-]{22,64}$/.test(id)
