/**
 * Manifests: files that describe registrations and the functions behind them.
 *
 * @module
 */
export { type LoadedManifest, loadManifest, parseManifest } from './load.ts'
export { toRegistrations } from './registrations.ts'
export {
  type Manifest,
  type ManifestFunction,
  manifestJsonSchema,
  manifestSchema,
} from './schema.ts'
export { expandEnvironment, UnresolvedVariable, type VariableSources } from './variables.ts'
