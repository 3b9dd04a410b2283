/** The number of a post, which all its attempts share, and the posts before it that are over. */
export interface PostNumber {
  /** For the header `Mcp-Resume` of an attempt: docs/resume-protocol.md. */
  header(): string
  /** The post is not sent again. */
  settle(): void
}

/**
 * Numbers the posts of requests. Each post says up to which one all others are settled: those need
 * not be recognized any longer, and a late copy of one is refused.
 */
export function createPostNumbers(): { next(): PostNumber } {
  /** In ascending order: a set keeps the order of insertion. */
  const unsettled = new Set<number>()
  let last = 0

  return {
    next() {
      const number = ++last
      unsettled.add(number)
      return {
        header() {
          const [oldest = number] = unsettled
          return `${number}; settled=${oldest - 1}`
        },
        settle: () => void unsettled.delete(number),
      }
    },
  }
}
