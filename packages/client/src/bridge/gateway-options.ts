import { isLoopback } from '../signing/scope.ts'
import type { TransportOptions } from '../transport/options.ts'
import { LOCAL_KEY, LOCAL_REGION } from './local-key.ts'

/** How to reach the gateway and to sign for it. */
export interface GatewaySettings {
  url: URL
  profile?: string | undefined
  region?: string | undefined
  /** Sent with every request. */
  headers: [name: string, value: string][]
}

const CREDENTIAL_VARIABLES = [
  'AWS_ACCESS_KEY_ID',
  'AWS_CONTAINER_CREDENTIALS_FULL_URI',
  'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI',
  'AWS_PROFILE',
  'AWS_WEB_IDENTITY_TOKEN_FILE',
]

/** The options of both transports. The local gateway gets its own key, unless another is named. */
export function transportOptions({
  url,
  profile,
  region,
  headers,
}: GatewaySettings): TransportOptions {
  const isLocal =
    isLoopback(url) && !profile && !CREDENTIAL_VARIABLES.some(name => process.env[name])
  if (isLocal) return { headers, credentials: LOCAL_KEY, region: region ?? LOCAL_REGION }
  return { headers, ...(profile && { profile }), ...(region && { region }) }
}
