export { type Connectable, connect } from './connect.ts'
export { ClientError, type ClientErrorCode } from './errors.ts'
export type { TransportOptions } from './options.ts'
export type { SendOptions } from './sending.ts'
export type { JsonRpcMessage } from './session.ts'
export {
  type CredentialProvider,
  type Credentials,
  type SigningOptions,
  signedFetch,
} from './sigv4.ts'
export { SigV4SseTransport } from './sse.ts'
export { SigV4StreamableHttpTransport } from './streamable.ts'
