/**
 * Signed requests without MCP: the `./sigv4` entry of the package, which imports no transport. The
 * admin client and the server package build on it.
 *
 * @module
 */
export { SIGNING_ERRORS, type SigningErrorCode } from './errors.ts'
export { isBeforeSending, networkFailure } from './http/network-failure.ts'
export { type RetryOptions, retry, retryAfterMs } from './http/retry.ts'
export {
  credentialRefusal,
  type Refusal,
  type RefusalCode,
  type RefusalContext,
  readRefusal,
  toRefusal,
  withoutSecrets,
} from './request/refusal.ts'
export type { CredentialProvider, Credentials } from './signing/credentials.ts'
export { regionOfFunctionUrl, scopeOf } from './signing/scope.ts'
export { type SigningOptions, signedFetch } from './signing/signed-fetch.ts'
