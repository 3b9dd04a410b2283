import type { RegistrationStatus } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

import type { Registry } from '../registry/registry.ts'
import { audit } from './audit.ts'
import { GRACE_MS, type Reconciler } from './invoke-permission/reconcile.ts'
import { leftFunction, type PlannedChange, writeChange } from './planned-change.ts'
import type { Target } from './router.ts'

interface AppliedChange {
  /** Undefined after a deletion. */
  status: RegistrationStatus | undefined
  /** Invoke permissions that could not be revoked. */
  warnings: string[]
}

/**
 * Writes a change, then grants and revokes invoke permissions. Throws `conflict` or
 * `version_mismatch` where another writer won.
 */
export async function applyChange(
  { registry, reconciler }: { registry: Registry; reconciler: Reconciler },
  plan: PlannedChange,
  by: Pick<Target, 'caller' | 'requestId'>,
): Promise<AppliedChange> {
  const { id, kind, from, to } = plan
  const left = kind === 'unchanged' ? undefined : leftFunction(plan)
  const revoke = left && (await reconciler.beginRevoke(left))
  try {
    await writeChange(registry, plan)
  } catch (error) {
    if (revoke) await reconciler.finishRevoke([revoke])
    throw error
  }
  if (kind !== 'unchanged') audit({ ...(from && { from }), ...(to && { to }) }, by)
  const status = to && (await reconciler.grant(to))
  // Nothing calls the function of a deleted registration any more.
  const warnings = revoke && (await reconciler.finishRevoke([revoke], to ? GRACE_MS : 0))
  await reconciler.finishInterrupted([id])
  return { status, warnings: warnings?.get(revoke?.lambdaArn ?? '') ?? [] }
}
