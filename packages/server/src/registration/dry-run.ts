import { GatewayError } from '../http/errors.ts'

/** Whether the query has `dryRun=true`: every check runs, and nothing is changed. */
export function isDryRun({ url }: Request): boolean {
  const value = new URL(url).searchParams.get('dryRun')
  if (value === null || value === 'false') return false
  if (value === 'true' || value === '') return true
  throw new GatewayError('bad_request', `dryRun is "${value}": send true or false`)
}
