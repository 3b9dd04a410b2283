import type { Credentials } from '../signing/credentials.ts'

/**
 * The key that `mcp-lambda-sam local` publishes, the same at each start: the example key of the AWS
 * documentation. The server package has it in `local/principals.ts`; a test compares them.
 */
export const LOCAL_KEY: Credentials = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
}
export const LOCAL_REGION = 'us-east-1'
