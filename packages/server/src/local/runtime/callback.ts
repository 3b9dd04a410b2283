/**
 * Calls a handler as the runtimes before Node.js 24 do. A promise that it returns is its output;
 * without one the output is what it gives to its callback, or null when nothing is left to run.
 * Any other value that it returns is ignored.
 * https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html#nodejs-handler-callback
 */
export const callWithCallback =
  (handler: (...args: unknown[]) => unknown) =>
  (event: unknown, context: object): Promise<unknown> => {
    let onEmpty = () => {}
    const output = new Promise((resolve, reject) => {
      onEmpty = () => resolve(null)
      process.once('beforeExit', onEmpty)

      const settings = { callbackWaitsForEmptyEventLoop: true }
      const finish = (error?: unknown, result?: unknown) => {
        process.off('beforeExit', onEmpty)
        const settle = () => (error ? reject(error) : resolve(result))
        if (settings.callbackWaitsForEmptyEventLoop) process.once('beforeExit', settle)
        else setImmediate(settle)
      }
      const complete = Object.assign(settings, context, {
        done: finish,
        succeed: (result: unknown) => finish(null, result),
        fail: (error: unknown) => finish(error ?? new Error('handled')),
      })
      const returned = handler(event, complete, finish)
      if (!isPromise(returned)) return
      process.off('beforeExit', onEmpty)
      returned.then(resolve, reject)
    })
    return output.finally(() => process.off('beforeExit', onEmpty))
  }

export function isPromise(value: unknown): value is Promise<unknown> {
  return value instanceof Object && 'then' in value && typeof value.then === 'function'
}
