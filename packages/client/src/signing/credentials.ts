import { environmentVariable } from '../environment.ts'
import { ClientError } from '../errors.ts'
import { isNetworkFailure } from '../http/network-failure.ts'

/** AWS credentials in the shape of the AWS SDKs. */
export interface Credentials {
  accessKeyId: string
  secretAccessKey: string
  sessionToken?: string | undefined
  expiration?: Date | undefined
}

/**
 * Called before every request, so it should cache the credentials. `forceRefresh` means that AWS
 * has refused them, or that they are about to expire.
 */
export type CredentialProvider = (options?: { forceRefresh?: boolean }) => Promise<Credentials>

export interface CredentialOptions {
  /** @default the AWS default chain: environment, profile, SSO, process, web identity, ECS, EC2 */
  credentials?: Credentials | CredentialProvider
  /** The profile of the shared configuration files that the default chain reads. */
  profile?: string
}

interface CredentialSource {
  current(): Promise<Credentials>
  /** Credentials that differ from the refused ones; undefined where there are none. */
  replacementOf(refused: Credentials): Promise<Credentials | undefined>
}

const REFRESH_BEFORE_MS = 60_000

export function credentialSource({ credentials, profile }: CredentialOptions): CredentialSource {
  if (typeof credentials === 'object')
    return {
      current: async () => assertComplete(credentials),
      replacementOf: async () => undefined,
    }

  const provider = credentials ?? defaultChain(profile)
  let refreshing: Promise<Credentials> | undefined

  return {
    async current() {
      const found = await callProvider(provider, profile)
      const left = timeLeft(found)
      if (left > REFRESH_BEFORE_MS) return found
      // When the refresh fails, the credentials are still valid for their last minute.
      return refresh().catch(error => (left > 0 ? found : Promise.reject(error)))
    },
    async replacementOf(refused) {
      try {
        const found = await callProvider(provider, profile)
        if (differ(found, refused)) return found
        const fresh = await refresh()
        return differ(fresh, refused) ? fresh : undefined
      } catch {
        return undefined // the refusal says more than this error
      }
    },
  }

  /** Requests that are refused at the same time share one refresh. */
  function refresh() {
    refreshing ??= callProvider(provider, profile, { forceRefresh: true }).finally(() => {
      refreshing = undefined
    })
    return refreshing
  }
}

function defaultChain(profile: string | undefined): CredentialProvider {
  let chain: Promise<CredentialProvider> | undefined
  return async options => {
    chain ??= load()
    return (await chain)(options)
  }

  async function load(): Promise<CredentialProvider> {
    const { defaultChain } = await import('../platform/node.ts')
    const provider = await defaultChain(profile)
    if (provider) return provider
    throw new ClientError(
      'no_credentials',
      'This runtime has no AWS default chain: it needs files, processes and the network of Node.js',
      { hint: 'Pass the option "credentials": a value, or a function that fetches them.' },
    )
  }
}

async function callProvider(
  provider: CredentialProvider,
  profile: string | undefined,
  options?: { forceRefresh: boolean },
): Promise<Credentials> {
  try {
    return assertComplete(await provider(options))
  } catch (cause) {
    if (cause instanceof ClientError) throw cause
    const reason = cause instanceof Error ? cause.message : String(cause)
    // Logging in does not help where the network is away, and nothing has been sent.
    if (isNetworkFailure(cause))
      throw new ClientError('connection_failed', `Could not fetch AWS credentials: ${reason}`, {
        cause,
        hint: 'Check the network, then try again.',
        retryable: true,
      })
    const name = profile ?? environmentVariable('AWS_PROFILE')
    throw new ClientError('no_credentials', `Found no AWS credentials: ${reason}`, {
      cause,
      hint: name && `Log in, for instance with "aws sso login --profile ${name}".`,
    })
  }
}

function assertComplete(credentials: Credentials | undefined): Credentials {
  if (credentials?.accessKeyId && credentials.secretAccessKey) return credentials
  throw new ClientError(
    'no_credentials',
    'The AWS credentials have no accessKeyId or no secretAccessKey',
  )
}

/** Milliseconds. Credentials that come as JSON have a date as text, whatever the type says. */
function timeLeft({ expiration }: Credentials): number {
  const left = expiration ? new Date(expiration).getTime() - Date.now() : Number.NaN
  return Number.isNaN(left) ? Number.POSITIVE_INFINITY : left
}

const differ = (one: Credentials, other: Credentials) =>
  one.accessKeyId !== other.accessKeyId ||
  one.secretAccessKey !== other.secretAccessKey ||
  one.sessionToken !== other.sessionToken
