/**
 * Stands in for `@aws-sdk/credential-provider-node` in the bundles that Lambda runs. There the
 * credentials are in the environment and nowhere else, and the chain that would look for profiles, SSO
 * and metadata services is a fifth of a cold start.
 * https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
 */
export const defaultProvider = () => async () => ({
  accessKeyId: process.env['AWS_ACCESS_KEY_ID'] ?? '',
  secretAccessKey: process.env['AWS_SECRET_ACCESS_KEY'] ?? '',
  sessionToken: process.env['AWS_SESSION_TOKEN'],
})
