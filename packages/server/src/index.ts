import type { Deployment, DeployOptions } from './deploy/deploy.ts'

export type { AccountOptions } from './deploy/account.ts'
export type { Change } from './deploy/change-set.ts'
export type { Reservation } from './deploy/concurrency.ts'
export type { Deployment, DeployOptions, Progress } from './deploy/deploy.ts'
export type { DeployError, DeployErrorCode } from './deploy/errors.ts'
export type { StackEvent } from './deploy/stack-events.ts'
export { version } from './version.ts'

/**
 * Creates the stack of this package in an AWS account, or updates it, as `mcp-lambda-sam deploy`
 * does. Asks no questions. Rejects with a `DeployError`: compare its `code`; `hint` says what to
 * do.
 */
export async function deploy(options?: DeployOptions): Promise<Deployment> {
  // Imported on demand: only a deployment needs the AWS SDK.
  const { deploy } = await import('./deploy/deploy.ts')
  return deploy(options)
}
