/** An error as it travels to the Runtime API and on to who invoked the function. */
export interface FormattedError {
  errorType: string
  errorMessage: string
  trace: string[]
}

export function formatError(error: unknown): FormattedError {
  if (!(error instanceof Error))
    return { errorType: typeof error, errorMessage: String(error), trace: [] }
  const { name, message, stack } = error
  return {
    errorType: clean(name),
    errorMessage: clean(message),
    trace: stack ? clean(stack).split('\n') : [],
  }
}

/** In the log an error is one line of JSON with everything its author put on it, `code` and the like. */
export function logError(title: string, error: unknown) {
  const it = error instanceof Error ? error : new Error(String(error))
  if (process.env['AWS_LAMBDA_LOG_FORMAT'] === 'JSON') return console.error(it)
  const { name: errorType, message: errorMessage, stack } = it
  const entry = { errorType, errorMessage, ...it, stack: stack?.split('\n') }
  console.error(title, `\t${serialised(entry) ?? JSON.stringify(formatError(it))}`)
}

function serialised(entry: object) {
  try {
    return JSON.stringify(entry)
  } catch {
    // something circular hangs on the error: its name, message and stack have to do
  }
}

// These end up in header values, where a DEL is not allowed.
const clean = (text: string) => String(text).replaceAll('\x7F', '%7F')
