import type { Credentials } from '../aws/signature-v4.ts'

/**
 * The credentials of the function's role, which Lambda puts into the environment:
 * https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
 */
export const environmentCredentials = (): Credentials => ({
  accessKeyId: process.env['AWS_ACCESS_KEY_ID'] ?? '',
  secretAccessKey: process.env['AWS_SECRET_ACCESS_KEY'] ?? '',
  sessionToken: process.env['AWS_SESSION_TOKEN'],
})

/**
 * Replaces `@aws-sdk/credential-provider-node` in the bundles that Lambda runs. The chain that
 * looks for profiles, SSO and metadata services would take a fifth of a cold start.
 */
export const defaultProvider = () => async () => environmentCredentials()
