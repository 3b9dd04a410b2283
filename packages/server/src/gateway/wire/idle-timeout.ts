export interface IdleTimeoutOptions {
  /** Seconds without a sign of life after which a client counts as gone. */
  timeoutSeconds: number
  /** Whether a call of the client runs: it waits for the result, which is a sign of life. */
  isBusy?(): boolean
  /** Asks the client for a sign of life. Resolves when it responds. */
  ping(timeoutMs: number): Promise<unknown>
}

export interface IdleTimeout {
  /** Records a sign of life. */
  touch(): void
  stop(): void
}

/**
 * Pings a client after half of the timeout without a sign of life, and calls `onIdle` when it stays
 * quiet. Lambda never tells a function that its client hung up, so pings are all there is:
 * https://github.com/aws/aws-lambda-nodejs-runtime-interface-client/issues/145
 */
export function startIdleTimeout(
  { timeoutSeconds, isBusy = () => false, ping }: IdleTimeoutOptions,
  heartbeatSeconds: number,
  onIdle: () => void,
): IdleTimeout {
  const timeoutMs = timeoutSeconds * 1000
  let lastSignAt = Date.now()
  const timer = setInterval(check, Math.min(heartbeatSeconds * 1000, timeoutMs / 4))

  return { touch, stop: () => clearInterval(timer) }

  function touch() {
    lastSignAt = Date.now()
  }

  function check() {
    if (isBusy()) return touch()
    const quietMs = Date.now() - lastSignAt
    if (quietMs >= timeoutMs) onIdle()
    // Repeated at every check: a single lost ping does not end the stream.
    else if (quietMs >= timeoutMs / 2)
      ping(timeoutMs).then(touch, () => {
        // No response: the stream ends when the client stays quiet.
      })
  }
}
