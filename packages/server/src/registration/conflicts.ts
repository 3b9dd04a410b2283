import type { Registration } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import { GatewayError } from '../http/errors.ts'

export function alreadyExists({ id }: Registration) {
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

export function versionMismatch({ id, version }: Registration, expected: number) {
  return new GatewayError(
    'version_mismatch',
    `"${id}" has version ${version}, not ${expected}: get it, apply your change to it and try again`,
  )
}

/** Another writer changed the registration between this call's read and its write. */
export function conflict({ id }: Registration, expected: number | undefined) {
  return expected === undefined
    ? new GatewayError(
        'conflict',
        `Another request changed "${id}" at the same time: try again if you want to overwrite that change`,
      )
    : new GatewayError(
        'version_mismatch',
        `"${id}" no longer has version ${expected}: get it, apply your change to it and try again`,
      )
}
