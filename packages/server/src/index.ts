import type { Deployment, DeployOptions } from './deploy/deploy.ts'

export type { AccountOptions } from './deploy/account.ts'
export type { Change } from './deploy/change-set.ts'
export type { Deployment, DeployOptions, Progress } from './deploy/deploy.ts'
export type { DeployError, DeployErrorCode } from './deploy/errors.ts'
export type { StackEvent } from './deploy/stack-events.ts'
export { version } from './version.ts'

/**
 * Brings the stack of this package to an AWS account, or up to date: what `mcp-lambda-sam deploy` does. Never asks
 * anything. Rejects with a `DeployError`: look at its `code` and `fix`.
 */
export async function deploy(options?: DeployOptions): Promise<Deployment> {
  // The AWS SDK is for those who deploy.
  const { deploy } = await import('./deploy/deploy.ts')
  return deploy(options)
}
