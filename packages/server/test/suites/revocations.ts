import { expect, test } from 'vitest'

import type { Revocations } from '../../src/registration/invoke-permission/revocations.ts'

const ARN = 'arn:aws:lambda:us-east-1:000000000000:function:anything'

/** What every store of revocations promises. Each `make` gives another environment's view of it. */
export function revocationsSuite(make: () => Revocations) {
  test('every environment sees a revocation from its begin to its end', async () => {
    const before = Date.now()
    const revocation = await make().begin('tool-a', ARN)
    expect(revocation).toMatchObject({ registration: 'tool-a', lambdaArn: ARN })
    expect(revocation.at).toBeGreaterThanOrEqual(before)
    expect(await make().open()).toEqual([revocation])
    await make().end(revocation)
    expect(await make().open()).toEqual([])
  })

  test('two revocations of one registration end independently', async () => {
    const first = await make().begin('tool-b', ARN)
    const second = await make().begin('tool-b', ARN)
    await make().end(first)
    expect(await make().open()).toEqual([second])
    await make().end(second)
  })

  test('ending a revocation again does nothing', async () => {
    const revocation = await make().begin('tool-c', `${ARN}:live`)
    await make().end(revocation)
    await make().end(revocation)
    expect(await make().open()).toEqual([])
  })
}
