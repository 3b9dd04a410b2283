/** Number of messages that may wait for the reader. */
const MAX_AHEAD = 16

/**
 * Back-pressure for a response that the SDK writes. The SDK takes every message at once and keeps
 * it until the reader has read it.
 */
export function createBackPressure() {
  let sent = 0
  let read = 0
  let isOver = false
  let waiting: (() => void)[] = []

  return {
    /** Await it after each message: resolves when the reader is less than MAX_AHEAD behind. */
    async drained(): Promise<void> {
      sent += 1
      while (!isOver && sent - read > MAX_AHEAD)
        await new Promise<void>(resolve => waiting.push(resolve))
    },
    /** The same response, with its reads counted. `onEnd` is called when the response is over. */
    measure(response: Response, onEnd?: () => void): Response {
      const reader = response.body?.getReader()
      if (!reader) {
        over()
        return response
      }
      const body = new ReadableStream<Uint8Array>(
        {
          async pull(controller) {
            try {
              const { done, value } = await reader.read()
              read += 1
              if (!done) controller.enqueue(value)
              else {
                controller.close()
                over()
              }
              resume()
            } catch (error) {
              over()
              controller.error(error)
            }
          },
          async cancel(reason) {
            over()
            await reader.cancel(reason)
          },
        },
        { highWaterMark: 0 },
      )
      return new Response(body, response)

      function over() {
        isOver = true
        onEnd?.()
        resume()
      }
    },
  }

  function resume() {
    for (const resolve of waiting) resolve()
    waiting = []
  }
}
