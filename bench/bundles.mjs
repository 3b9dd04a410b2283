// The size of the code that Lambda loads.
import { readdirSync, readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

import { table } from './table.mjs'

export default async function bundles() {
  return table(
    ['bundle', 'KB', 'gzip KB'],
    ['mcp', 'registration'].map(name => {
      const folder = new URL(`../packages/server/dist/lambda/${name}/`, import.meta.url)
      const chunks = readdirSync(folder).filter(it => it.endsWith('.mjs'))
      const sources = chunks.map(it => readFileSync(new URL(it, folder)))
      return [
        `${name}, all chunks`,
        kilobytes(sources.map(it => it.length)),
        kilobytes(sources.map(it => gzipSync(it).length)),
      ]
    }),
  )
}

/** @param {number[]} sizes in bytes */
const kilobytes = sizes => (sizes.reduce((total, size) => total + size, 0) / 1024).toFixed(0)
