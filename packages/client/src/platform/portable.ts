// Browsers, Workers and other runtimes without Node's modules. The hash is JavaScript: WebCrypto
// takes four times as long for a message of 1 KB.
import type { Platform } from './platform.ts'

export { Sha256 } from '@aws-crypto/sha256-js'
export { SignatureV4 } from '@smithy/signature-v4'

export const defaultChain: Platform['defaultChain'] = async () => undefined

export const regionOfProfile: Platform['regionOfProfile'] = async () => undefined
