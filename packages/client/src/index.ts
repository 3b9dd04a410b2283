export { ClientError, type ClientErrorCode } from './errors.ts'
export {
  type CredentialProvider,
  type Credentials,
  type SigningOptions,
  signedFetch,
} from './sigv4.ts'
export {
  type JsonRpcMessage,
  SigV4SseTransport,
  type SigV4SseTransportOptions,
} from './sse.ts'
