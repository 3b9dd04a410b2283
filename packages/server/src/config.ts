import * as z from 'zod'

const seconds = (fallback: number) => z.coerce.number().positive().default(fallback)
const milliseconds = (fallback: number) => z.coerce.number().int().positive().default(fallback)

const registrationSchema = z.object({
  REGISTRATION_TABLE: z.string().min(1),
})

const mcpSchema = registrationSchema.extend({
  SESSION_TABLE: z.string().min(1),
  /** A stream whose client shows no sign of life for this long is closed. */
  IDLE_TIMEOUT_SECONDS: seconds(120),
  /** A comment that often keeps proxies and clients from giving a quiet stream up. */
  HEARTBEAT_SECONDS: seconds(15),
  /** How long a stream waits between two looks at its inbox while requests are coming … */
  POLL_BUSY_MS: milliseconds(10),
  /** … and how long at most when none are. */
  POLL_IDLE_MS: milliseconds(80),
})

export type McpConfig = z.infer<typeof mcpSchema>
export type RegistrationConfig = z.infer<typeof registrationSchema>

export const mcpConfig = (environment = process.env): McpConfig => read(mcpSchema, environment)
export const registrationConfig = (environment = process.env): RegistrationConfig =>
  read(registrationSchema, environment)

/** Everything that is missing or wrong in one error: a deployment is fixed once, not once per variable. */
function read<Schema extends z.ZodObject>(
  schema: Schema,
  environment: NodeJS.ProcessEnv,
): z.infer<Schema> {
  const result = schema.safeParse(environment)
  if (result.success) return result.data
  const problems = result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
  throw new Error(`The function's environment variables are not usable. ${problems.join('; ')}`)
}
