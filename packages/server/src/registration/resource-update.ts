import type { Registration } from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import { GatewayError } from '../http/errors.ts'
import { readJson } from '../http/json-body.ts'
import { MAX_URI_LENGTH, uriMatcher } from '../uri-template/match.ts'
import { assertObject } from './validate.ts'

/** The longest body: a URI in a JSON object. */
const MAX_BYTES = 16_384

/**
 * The URI whose content changed, from the body of `POST /register/{id}/updated`. Throws 400 with
 * the fix.
 */
export async function updatedUri(request: Request, registration: Registration): Promise<string> {
  const { id, type } = registration
  if (type !== 'resource')
    throw new GatewayError(
      'bad_request',
      `"${id}" is a ${type}: only resources have updates to announce; clients are notified of a changed registration without this call`,
    )
  const sent = await sentUri(request)
  const { uri, uriTemplate = '' } = registration
  if (uri !== undefined) {
    if ((sent ?? uri) === uri) return uri
    throw invalid(`is not the URI of "${id}": send "${uri}", or leave it out`)
  }
  if (sent === undefined)
    throw invalid(
      `is missing: "${id}" has the URI template "${uriTemplate}", so send the URI whose content changed`,
    )
  if (sent.length > MAX_URI_LENGTH)
    throw invalid(`has ${sent.length} characters: at most ${MAX_URI_LENGTH} are accepted`)
  if (uriMatcher(uriTemplate)?.(sent)) return sent
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
