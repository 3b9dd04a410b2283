import type { Registration } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import { GatewayError } from '../http/errors.ts'
import type { Precondition } from './etag.ts'

export function alreadyExists(id: string) {
  return new GatewayError(
    'already_exists',
    `"${id}" is registered already: replace it with PUT /register/${id} (update of the admin client)`,
  )
}

/** The body of a PUT names another registration than its path. */
export function idMismatch(id: string) {
  return new GatewayError(
    'invalid_registration',
    `The body does not belong to "${id}". Type and name make up the id and cannot change: register the new one, then delete the old one`,
    { issues: [{ path: '/name', message: `does not belong to the id "${id}" in the path` }] },
  )
}

export function notRegistered(id: string) {
  return new GatewayError(
    'registration_not_found',
    `"${id}" is not registered: an id is <type>-<name>, and GET /register lists all registrations`,
  )
}

/** Why a precondition does not hold, as a phrase; undefined where it holds. */
export function preconditionProblem(
  id: string,
  current: Registration | undefined,
  precondition: Precondition,
): string | undefined {
  if (precondition === undefined) return undefined
  if (precondition === 'absent')
    return current && `"${id}" exists already, with version ${current.version}`
  if (!current) return `"${id}" is not registered, so there is nothing to replace`
  return precondition === 'present' || precondition === current.version
    ? undefined
    : `"${id}" has version ${current.version}, not ${precondition}`
}

export function preconditionFailed(problem: string) {
  return new GatewayError(
    'version_mismatch',
    `${problem}: get it, apply your change to it and try again`,
  )
}

/** Another writer changed the registration between this call's read and its write. */
export function conflict(id: string, precondition: Precondition) {
  return precondition === undefined
    ? new GatewayError(
        'conflict',
        `Another request changed "${id}" at the same time: try again if you want to overwrite that change`,
      )
    : preconditionFailed(`Another request changed "${id}" at the same time`)
}
