import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'

import { expect, onTestFinished } from 'vitest'

import type { AwsError } from '../../src/aws/aws-error.ts'

interface ReceivedRequest {
  method: string
  url: string
  headers: IncomingMessage['headers']
  rawHeaders: string[]
  body: Buffer
  socket: Socket
}

/** Responds to the nth request, from 1. */
export type Respond = (response: ServerResponse, nth: number) => unknown

export const credentials = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  sessionToken: 'session-token',
}

/** A server in the place of an AWS service, which keeps what it receives. */
export async function startAwsServer(respond: Respond = response => response.end('{}')) {
  const requests: ReceivedRequest[] = []
  const server = createServer(async (incoming, response) => {
    // The connection may break before the body is there.
    const body = await buffer(incoming).catch(() => Buffer.alloc(0))
    const { method = '', url = '', headers, rawHeaders, socket } = incoming
    requests.push({ method, url, headers, rawHeaders, body, socket })
    await respond(response, requests.length)
  }).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close().closeAllConnections())
  // AWS does not say how long it keeps a connection.
  server.keepAliveTimeout = 0
  await once(server, 'listening')
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    requests,
    endpoint,
    /** The configuration of an SDK client. */
    sdk: { endpoint, region: 'eu-central-1', credentials },
    /** The same for a client of the product. */
    service: {
      region: 'eu-central-1',
      endpoint: new URL(endpoint),
      credentials: () => credentials,
    },
  }
}

/** An error of the AWS SDK. */
interface SdkError extends Error {
  CancellationReasons?: unknown[]
  $metadata: { httpStatusCode?: number; attempts?: number }
}

const errorOf =
  <Thrown>() =>
  (sending: Promise<unknown>): Promise<Thrown> =>
    sending.then(
      () => expect.unreachable('there is no error'),
      error => error,
    )
export const ourError = errorOf<AwsError>()
export const sdkError = errorOf<SdkError>()
