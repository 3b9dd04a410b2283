/**
 * Manifests: files that describe registrations and the functions behind them.
 *
 * @module
 */
export { type LoadedManifest, loadManifest, parseManifest } from './load.ts'
export type { Manifest, ManifestFunction } from './manifest.ts'
export { expandEnvironment, UnresolvedVariable, type VariableSources } from './variables.ts'
