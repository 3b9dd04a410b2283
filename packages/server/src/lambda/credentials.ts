/**
 * Replaces `@aws-sdk/credential-provider-node` in the bundles that Lambda runs. On Lambda the
 * credentials are in the environment. The chain that looks for profiles, SSO and metadata services
 * would take a fifth of a cold start.
 * https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
 */
export const defaultProvider = () => async () => ({
  accessKeyId: process.env['AWS_ACCESS_KEY_ID'] ?? '',
  secretAccessKey: process.env['AWS_SECRET_ACCESS_KEY'] ?? '',
  sessionToken: process.env['AWS_SESSION_TOKEN'],
})
