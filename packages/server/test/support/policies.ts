import {
  GetPolicyCommand,
  InvokeCommand,
  LambdaClient,
  RemovePermissionCommand,
} from '@aws-sdk/client-lambda'

import type { Local } from '../../src/local/start.ts'

/**
 * Reads and changes the resource policies of a gateway's functions as an administrator of the
 * account.
 */
export function policiesOf({
  lambdaUrl,
  region,
  credentials,
}: Pick<Local, 'lambdaUrl' | 'region' | 'credentials'>) {
  const lambda = new LambdaClient({ endpoint: lambdaUrl, region, credentials })
  return {
    async statements(FunctionName: string): Promise<{ Sid: string; Principal: unknown }[]> {
      const read = lambda.send(new GetPolicyCommand({ FunctionName }))
      const { Policy = '' } = await read.catch(() => ({ Policy: '{"Statement":[]}' }))
      return JSON.parse(Policy).Statement
    },
    async remove(FunctionName: string, StatementId = '') {
      await lambda.send(new RemovePermissionCommand({ FunctionName, StatementId }))
    },
    /** For a test that begins with policies that are empty. */
    async clear(...functions: string[]) {
      for (const name of functions)
        for (const { Sid } of await this.statements(name)) await this.remove(name, Sid)
    },
    async invoke(FunctionName: string) {
      return (await lambda.send(new InvokeCommand({ FunctionName }))).StatusCode
    },
    /** The output of the function for this event, as text. */
    async outputOf(FunctionName: string, event: object) {
      const Payload = Buffer.from(JSON.stringify(event))
      const output = await lambda.send(new InvokeCommand({ FunctionName, Payload }))
      return Buffer.from(output.Payload ?? []).toString()
    },
  }
}
