export type {
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
} from './client.ts'
export { AdminError, type AdminErrorCode } from './errors.ts'
