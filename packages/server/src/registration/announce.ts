import type { Registration } from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import { GatewayError } from '../http/errors.ts'
import { readJson } from '../http/json-body.ts'
import { isOfTemplate } from './uri-template.ts'
import { assertObject } from './validate.ts'

/** A URI and what JSON needs around it. */
const MAX_BYTES = 16_384

/** The URI whose content changed, as `POST /register/{id}/updated` says it, or 400 with the fix. */
export async function updatedUri(request: Request, registration: Registration): Promise<string> {
  const { id, type } = registration
  if (type !== 'resource')
    throw new GatewayError(
      'bad_request',
      `"${id}" is a ${type}: only resources are announced; a change of the registration itself needs no announcement`,
    )
  const sent = await sentUri(request)
  const { uri, uriTemplate = '' } = registration
  if (uri !== undefined) {
    if ((sent ?? uri) === uri) return uri
    throw invalid(`is not the URI of "${id}", which is "${uri}" and need not be sent`)
  }
  if (sent === undefined)
    throw invalid(
      `is missing: "${id}" has the URI template "${uriTemplate}", so say at which URI the content changed`,
    )
  if (isOfTemplate(sent, uriTemplate)) return sent
  throw invalid(
    `does not match the URI template of "${id}", "${uriTemplate}": send the URI that clients read`,
  )
}

async function sentUri(request: Request): Promise<string | undefined> {
  if (!request.body) return undefined
  const { value } = await readJson(request, MAX_BYTES)
  assertObject(value)
  const { uri, ...others } = value
  const [unknown] = Object.keys(others)
  if (unknown !== undefined)
    throw new GatewayError('bad_request', `"${unknown}" is not a known field: send {"uri": "…"}`)
  if (uri === undefined || typeof uri === 'string') return uri
  throw invalid('must be a string')
}

function invalid(message: string) {
  return new GatewayError('bad_request', `/uri ${message}`, { issues: [{ path: '/uri', message }] })
}
