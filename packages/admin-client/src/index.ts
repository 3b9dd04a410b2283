export {
  type AdminClient,
  type AdminClientOptions,
  createAdminClient,
} from './client.ts'
export type {
  Announcement,
  ErrorCode,
  Issue,
  JsonSchema,
  Prompt,
  PromptInput,
  Registration,
  RegistrationAnswer,
  RegistrationInput,
  RegistrationType,
  Resource,
  ResourceInput,
  Tool,
  ToolInput,
} from './contract.ts'
export { AdminError, type AdminErrorCode } from './errors.ts'
