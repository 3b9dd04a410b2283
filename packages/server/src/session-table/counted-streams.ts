import type { OpenStreams } from './open-streams.ts'

/** The sum of a minute is then the number of streams that were open in it. */
const COUNT_MS = 60_000

/** Calls `count` for each open stream, when it opens and once a minute. */
export function countedStreams(streams: OpenStreams, count: () => void): OpenStreams {
  return {
    async open(stream) {
      const opened = await streams.open(stream)
      if (!opened) return undefined
      count()
      const counting = setInterval(count, COUNT_MS).unref()
      return {
        ...opened,
        close() {
          clearInterval(counting)
          return opened.close()
        },
      }
    },
  }
}
