/** The JSON of an error, for the Runtime API and the caller of Invoke. */
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

/** Logs an error as one line of JSON, with its own properties such as `code`. */
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
    // The error has a circular property. Its name, message and stack are logged without it.
  }
}

// These texts are sent in headers, where a DEL is not allowed.
const clean = (text: string) => String(text).replaceAll('\x7F', '%7F')

/** What a header takes of the name of an error. The body has the whole name. */
export const headerText = (text: string) => text.replace(/[^\x20-\x7e]/g, '?')
