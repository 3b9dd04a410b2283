/** So many messages may wait for the reader. */
const AHEAD = 16

/**
 * The pace of a response's reader, for those who write to it: the SDK takes whatever it is given, and keeps it until
 * it is read.
 */
export function createPace() {
  let sent = 0
  let read = 0
  let isOver = false
  let waiting: (() => void)[] = []

  return {
    /** To be awaited after each message. */
    async taken(): Promise<void> {
      sent += 1
      while (!isOver && sent - read > AHEAD)
        await new Promise<void>(resolve => waiting.push(resolve))
    },
    /** The response as its reader gets it; `onEnd` hears that it is over. */
    of(response: Response, onEnd?: () => void): Response {
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
              goOn()
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
        goOn()
      }
    },
  }

  function goOn() {
    for (const resolve of waiting) resolve()
    waiting = []
  }
}
