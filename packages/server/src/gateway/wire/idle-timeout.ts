export interface IdleTimeoutOptions {
  /** Seconds without a sign of life after which a client that answers no ping counts as gone. */
  timeoutSeconds: number
  /** Whether a call of the client is open: it waits for the result, which is a sign of life. */
  isBusy?(): boolean
  /**
   * The same, where it takes a request to find out. Asked before the client counts as gone. Rejects
   * where it cannot be found out: then the client counts as gone.
   */
  hasOpenCall?(): Promise<boolean>
  /** Asks the client for a sign of life. Resolves when it answers, and rejects after the time. */
  ping(timeoutMs: number): Promise<unknown>
}

export interface IdleTimeout {
  /** Records a sign of life. */
  touch(): void
  /**
   * Pings the client now, where no call is open. Resolves to true for a client that is there, and
   * calls `onIdle` for one that does not answer in time.
   */
  probe(timeoutMs: number): Promise<boolean>
  signs(): { lastSignAt: number; isBusy: boolean }
  stop(): void
}

/** A client that has answered pings is gone when it misses so many in a row. */
const MAX_MISSED = 2
/**
 * The part of a heartbeat that a client has to answer a ping. With a heartbeat of 15 seconds a
 * client that has answered before is closed 33 seconds after its last sign of life, with the
 * longest one of 20 seconds after 44.
 */
const ANSWER_PART = 0.6

/**
 * Pings a client that was quiet for one heartbeat, and calls `onIdle` when it is gone: it has
 * answered a ping before and misses two, or it shows no sign of life for the whole timeout. Lambda
 * never tells a function that its client hung up, so pings are all there is:
 * https://github.com/aws/aws-lambda-nodejs-runtime-interface-client/issues/145
 */
export function startIdleTimeout(
  { timeoutSeconds, isBusy = () => false, hasOpenCall, ping }: IdleTimeoutOptions,
  heartbeatSeconds: number,
  onIdle: () => void,
): IdleTimeout {
  const timeoutMs = timeoutSeconds * 1000
  const quietMs = heartbeatSeconds * 1000
  const answerMs = quietMs * ANSWER_PART
  let lastSignAt = Date.now()
  let hasAnswered = false
  let missed = 0
  let isStopped = false
  let timer = setTimeout(check, Math.min(quietMs, timeoutMs))

  return {
    touch,
    probe,
    signs: () => ({ lastSignAt, isBusy: isBusy() }),
    stop() {
      isStopped = true
      clearTimeout(timer)
    },
  }

  function touch() {
    lastSignAt = Date.now()
    missed = 0
  }

  async function probe(answerWithinMs: number): Promise<boolean> {
    if (!isBusy()) {
      const before = lastSignAt
      const hasLeft = await ping(answerWithinMs).then(
        () => false,
        () => lastSignAt === before && !isBusy(),
      )
      if (hasLeft && !(await hasOpen())) {
        onIdle()
        return false
      }
      if (!hasLeft) hasAnswered = true
    }
    touch()
    return true
  }

  function check() {
    if (isBusy()) touch()
    const quietForMs = Date.now() - lastSignAt
    const isGone = hasAnswered && missed >= MAX_MISSED
    if (isGone || quietForMs >= timeoutMs) return void endUnlessBusy()
    const isQuiet = quietForMs >= quietMs
    if (isQuiet) sendPing()
    const nextMs = isQuiet ? answerMs : quietMs - quietForMs
    timer = setTimeout(check, Math.max(1, Math.min(nextMs, timeoutMs - quietForMs)))
  }

  /** Where it cannot be found out, the client counts as gone. */
  async function hasOpen(): Promise<boolean> {
    return (await hasOpenCall?.().catch(() => false)) ?? false
  }

  async function endUnlessBusy() {
    const before = lastSignAt
    const isOpen = hasOpenCall !== undefined && (await hasOpen())
    if (isStopped) return
    if (!isOpen && lastSignAt === before) return onIdle()
    if (isOpen) touch()
    check()
  }

  /** The ping counts as missed until there is a sign of life. */
  function sendPing() {
    missed += 1
    const onAnswer = () => {
      hasAnswered = true
      touch()
    }
    ping(answerMs).then(onAnswer, () => {
      // No answer: it stays missed.
    })
  }
}
