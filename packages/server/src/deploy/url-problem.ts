import { isRecord } from '../is-record.ts'

/** Why a request to one of the URLs failed, and what to do about it. */
export interface UrlProblem {
  message: string
  hint: string
}

/** Errors and refusals of the client packages have a hint. Others come from the network. */
export function urlProblemOf(error: unknown): UrlProblem {
  const message = reasonOf(error)
  const hint = isRecord(error) ? error['hint'] : undefined
  return { message, hint: typeof hint === 'string' ? hint : networkHint(message) }
}

/** The message of the error. For "fetch failed" it is the message of its cause. */
export function reasonOf(error: unknown): string {
  if (!isRecord(error)) return String(error)
  const { message, cause } = error
  if (message !== 'fetch failed' || !isRecord(cause)) return String(message)
  return String(cause['message'] || cause['code'] || message)
}

function networkHint(reason: string): string {
  if (/ENOTFOUND|EAI_AGAIN/.test(reason))
    return 'The host name is not known: check the URL, and the DNS server of this network. A deleted URL has no host name either.'
  if (/cert|SSL|TLS|self.signed/i.test(reason))
    return 'Something on the way decrypts TLS: give its certificate to Node with NODE_EXTRA_CA_CERTS, or bypass it.'
  return 'Check the network, its firewall, and whether a proxy is needed.'
}
