// Node, Bun and Deno. The build makes this a file that is loaded for the first signature.
import { createHash, createHmac } from 'node:crypto'

import { runWithoutInput } from './credential-process.ts'
import type { Platform } from './platform.ts'

export { SignatureV4 } from '@smithy/signature-v4'

export const defaultChain: Platform['defaultChain'] = async profile => {
  // Loaded on demand: 36 ms and 313 KB.
  const [{ defaultProvider }, { externalDataInterceptor }] = await Promise.all([
    import('@aws-sdk/credential-provider-node'),
    import('@smithy/core/config'),
  ])
  externalDataInterceptor.interceptToken('exec', runWithoutInput)
  // Without ignoreCache, even forceRefresh returns the old content of the shared files.
  return defaultProvider({ ignoreCache: true, ...(profile === undefined ? {} : { profile }) })
}

export const regionOfProfile: Platform['regionOfProfile'] = async profile => {
  // Loaded on demand, as few callers need it.
  const { loadSharedConfigFiles } = await import('@smithy/core/config')
  const { configFile, credentialsFile } = await loadSharedConfigFiles()
  return configFile[profile]?.['region'] || credentialsFile[profile]?.['region']
}

type Data = string | ArrayBuffer | ArrayBufferView

export class Sha256 {
  readonly #hash

  constructor(key?: Data) {
    this.#hash = key === undefined ? createHash('sha256') : createHmac('sha256', toBytes(key))
  }

  update(data: Data) {
    this.#hash.update(toBytes(data))
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest()
  }
}

function toBytes(data: Data) {
  if (typeof data === 'string') return data
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data)
}
