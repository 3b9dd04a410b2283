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
