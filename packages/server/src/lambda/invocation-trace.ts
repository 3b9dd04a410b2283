import { parseTraceHeader } from '../http/trace.ts'

/**
 * The trace of the invocation, for an event without headers. Lambda sets the variable for each:
 * https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
 */
export const invocationTrace = () => parseTraceHeader(process.env['_X_AMZN_TRACE_ID'])
