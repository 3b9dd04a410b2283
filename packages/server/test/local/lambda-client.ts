import {
  InvokeCommand,
  type InvokeCommandInput,
  InvokeWithResponseStreamCommand,
  LambdaClient,
} from '@aws-sdk/client-lambda'
import { onTestFinished } from 'vitest'

import type { LocalOptions } from '../../src/local/start.ts'
import { sharedFixture, startFixture } from './fixture.ts'

/** Starts a gateway and a client of the AWS SDK for its Lambda API. */
export const startClient = async (options?: LocalOptions) => clientOf(await startFixture(options))

/** The same with a gateway that tests share. */
export const sharedClient = async (options?: LocalOptions) => clientOf(await sharedFixture(options))

function clientOf(local: Awaited<ReturnType<typeof startFixture>>) {
  const { lambdaUrl: endpoint, region, credentials } = local
  const client = new LambdaClient({ endpoint, region, credentials, maxAttempts: 1 })
  onTestFinished(() => client.destroy())

  return {
    ...local,
    async invoke(name: string, payload: unknown, input: Partial<InvokeCommandInput> = {}) {
      const Payload = typeof payload === 'string' ? payload : JSON.stringify(payload)
      const response = await client.send(
        new InvokeCommand({ FunctionName: name, Payload, ...input }),
      )
      return {
        status: response.StatusCode,
        functionError: response.FunctionError,
        version: response.ExecutedVersion,
        payload: response.Payload?.transformToString(),
        json: () => JSON.parse(response.Payload?.transformToString() ?? ''),
      }
    },
    async stream(name: string, payload: unknown) {
      const { EventStream = [] } = await client.send(
        new InvokeWithResponseStreamCommand({
          FunctionName: name,
          Payload: JSON.stringify(payload),
        }),
      )
      const chunks: string[] = []
      const complete: unknown[] = []
      for await (const event of EventStream) {
        if (event.PayloadChunk)
          chunks.push(Buffer.from(event.PayloadChunk.Payload ?? []).toString())
        if (event.InvokeComplete) complete.push(event.InvokeComplete)
      }
      return { chunks, body: chunks.join(''), complete }
    },
  }
}
