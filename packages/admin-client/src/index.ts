import type { Manifest } from './manifest/manifest.ts'

export type {
  ContentChange,
  ErrorCode,
  Issue,
  JsonSchema,
  NotReady,
  PolicyDocument,
  Prompt,
  PromptInput,
  Registration,
  RegistrationAnswer,
  RegistrationInput,
  RegistrationStatus,
  RegistrationType,
  Removal,
  Resource,
  ResourceInput,
  ResourceUpdate,
  Tool,
  ToolInput,
} from './api-schema.ts'
export {
  type AdminClient,
  type AdminClientOptions,
  createAdminClient,
  type PromptSpec,
  type RegisterOptions,
  type ResourceSpec,
  type ToolSpec,
  type WriteOptions,
} from './client.ts'
export { AdminError, type AdminErrorCode } from './errors.ts'
export type { Manifest } from './manifest/manifest.ts'
export type { Applied, ApplyOptions, Plan, PlanOptions, Progress } from './plan/plan.ts'

/** Returns the manifest. It gives a manifest in TypeScript its types. */
export const defineManifest = (manifest: Manifest): Manifest => manifest
