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
    expect(await make().open(['tool-a'])).toEqual([revocation])
    await make().end(revocation)
    expect(await make().open(['tool-a'])).toEqual([])
  })

  test('two revocations of one registration end independently', async () => {
    const first = await make().begin('tool-b', ARN)
    const second = await make().begin('tool-b', ARN)
    await make().end(first)
    expect(await make().open(['tool-a'])).toEqual([second])
    await make().end(second)
  })

  test('ending a revocation again does nothing', async () => {
    const revocation = await make().begin('tool-c', `${ARN}:live`)
    await make().end(revocation)
    await make().end(revocation)
    expect(await make().open(['tool-a'])).toEqual([])
  })

  test('the revocations of a registration are found among many of others', async () => {
    const make100 = Array.from({ length: 100 }, (_, n) => make().begin(`tool-many${n}`, ARN))
    const others = await Promise.all(make100)
    const own = [await make().begin('tool-z', ARN), await make().begin('tool-z', `${ARN}:live`)]
    await make().begin('tool-zz', ARN)
    const open = await make().open(['tool-z'])
    expect(open.filter(it => it.registration === 'tool-z').toSorted(byNonce)).toEqual(
      own.toSorted(byNonce),
    )
    expect(open.length).toBeLessThan(50)
    // Those of others are among them, so that they are finished too.
    expect(others).toContainEqual(open.find(it => it.registration !== 'tool-z'))
    expect(new Set(open.map(it => it.nonce)).size).toBe(open.length)
  })
}

const byNonce = (a: { nonce: string }, b: { nonce: string }) => (a.nonce < b.nonce ? -1 : 1)
