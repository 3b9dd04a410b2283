import {
  type Refusal,
  type RefusalContext,
  toRefusal,
  withoutSecrets,
} from '@markvp/mcp-lambda-sam-client/sigv4'

import type { ErrorBody, ErrorCode, Issue } from './api-schema.ts'
import { ADMIN_ERRORS, AdminError, type AdminErrorCode } from './errors.ts'
import { isRecord } from './is-record.ts'

/** Reads a response without success, whose body is `text`, as the error of a call. */
export async function toAdminError(
  response: Response,
  text: string,
  context: RefusalContext,
): Promise<AdminError> {
  const refusal = await toRefusal(response, text, context)
  const body = refusal.serverCode && parseErrorBody(text, it => withoutSecrets(response, it))
  return body ? fromApi(body, refusal) : fromOutside(refusal)
}

/** The registration API, or the gateway, responded in its own format. */
function fromApi({ error }: ErrorBody, refusal: Refusal): AdminError {
  const { code, message, requestId = refusal.requestId, issues } = error
  const details = { ...refusal, hint: undefined, requestId, issues }
  // The gateway names its endpoints, and has none at /register.
  if (code === 'not_found' && message.includes('GET /sse'))
    return new AdminError(code, `This is the McpUrl of the stack. ${message}`, {
      ...details,
      hint: 'Give the RegistrationUrl output of the stack; "npx @markvp/mcp-lambda-sam status" prints both URLs.',
    })
  return new AdminError(code as AdminErrorCode, message, details)
}

/** AWS or a proxy responded before the function ran, or instead of it. */
function fromOutside(refusal: Refusal): AdminError {
  const { status, message } = refusal
  const code = status === 413 ? 'payload_too_large' : refusal.code
  if (code === 'request_refused')
    return new AdminError('invalid_response', message, { ...refusal, hint: undefined })
  // The reader of refusals writes its hints for callers of the gateway.
  const hint =
    code === 'access_denied' || code === 'rate_limited' ? ADMIN_ERRORS[code] : refusal.hint
  return new AdminError(code, message, { ...refusal, hint })
}

function parseErrorBody(text: string, clean: (text: string) => string): ErrorBody | undefined {
  const { error } = parseRecord(text) ?? {}
  if (!isRecord(error)) return undefined
  const { code, message, requestId, issues } = error
  if (typeof code !== 'string' || typeof message !== 'string') return undefined
  return {
    error: {
      code: code as ErrorCode, // one that this version does not know stays as it is
      message: clean(message),
      ...(typeof requestId === 'string' && clean(requestId) === requestId && { requestId }),
      ...(Array.isArray(issues) && {
        issues: issues
          .filter(isIssue)
          .map(({ path, message }) => ({ path: clean(path), message: clean(message) })),
      }),
    },
  }
}

const isIssue = (value: unknown): value is Issue =>
  isRecord(value) && typeof value['path'] === 'string' && typeof value['message'] === 'string'

function parseRecord(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isRecord(value) ? value : undefined
  } catch {
    return undefined // proxies answer in HTML
  }
}
