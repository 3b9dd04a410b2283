import type { SignatureV4 } from '@smithy/signature-v4'

type Provider = (options?: {
  forceRefresh?: boolean
}) => Promise<{ accessKeyId: string; secretAccessKey: string }>

/** What a signature needs of the runtime. `node.ts` and `portable.ts` implement it. */
export interface Platform {
  SignatureV4: typeof SignatureV4
  /** SHA-256, or HMAC-SHA-256 with a key. */
  Sha256: ConstructorParameters<typeof SignatureV4>[0]['sha256']
  /** The AWS default chain. Undefined where the runtime has no files, processes and sockets. */
  defaultChain(profile: string | undefined): Promise<Provider | undefined>
  /** The region in the shared configuration files. */
  regionOfProfile(profile: string): Promise<string | undefined>
}
