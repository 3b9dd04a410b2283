export { type Connectable, connect } from './connect.ts'
export { ClientError, type ClientErrorCode } from './errors.ts'
export {
  type CredentialProvider,
  type Credentials,
  type SigningOptions,
  signedFetch,
} from './signing/signed-fetch.ts'
export { SigV4SseTransport } from './sse/transport.ts'
export type { SendOptions } from './streamable/send-options.ts'
export { SigV4StreamableHttpTransport } from './streamable/transport.ts'
export type { TransportOptions } from './transport/options.ts'
export type { JsonRpcMessage } from './transport/pending-requests.ts'
