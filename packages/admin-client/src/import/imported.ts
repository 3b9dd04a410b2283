import type { Manifest } from '../manifest/manifest.ts'

/** A manifest to review, and what its author has to look at. */
export interface Imported {
  manifest: Manifest
  notes: string[]
}

export type ManifestTool = NonNullable<Manifest['tools']>[string]

/** A name that MCP clients accept. */
export const toName = (text: string): string =>
  text.replace(/[^A-Za-z0-9_.-]+/g, '_').slice(0, 128) || 'unnamed'
