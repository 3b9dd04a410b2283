import { Writable } from 'node:stream'

import type { HttpResponse } from '../../src/http/http-request.ts'

/** The response as a web response. Its reader takes one write at a time, when it reads. */
export function toWeb(response: HttpResponse): Response {
  if (response instanceof Response) return response
  const { status, headers } = response
  if ('text' in response) return new Response(response.text, { status, headers })
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
  const out = Writable.fromWeb(writable, { highWaterMark: 1 })
  response.writeTo(out).catch(() => {
    // The reader gets the error.
  })
  return new Response(readable, { status, headers })
}

/** A JSON-RPC message. */
export interface Message {
  id?: string | number
  method?: string
  result?: Record<string, unknown>
  error?: { code: number; message: string; data?: unknown }
}

/** Reads an event stream to its end and passes each message on. Resolves when the stream is cut. */
export async function messages({ body }: Response, onMessage: (it: Message) => void) {
  let text = ''
  try {
    for await (const chunk of body?.pipeThrough(new TextDecoderStream()) ?? []) {
      const events = (text + chunk).split('\n\n')
      text = events.pop() ?? ''
      for (const [, data = ''] of events.map(it => /^data: (.+)$/m.exec(it) ?? []))
        if (data) onMessage(JSON.parse(data))
    }
  } catch {
    // The stream was given up.
  }
}
