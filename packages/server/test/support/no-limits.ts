import { createRateLimits } from '../../src/rate-limit/rate-limits.ts'

/** For a gateway and registrations without rate limits. */
export const noLimits = createRateLimits({
  store: {
    async charge() {
      throw new Error('nothing is limited')
    },
  },
  ofCaller: undefined,
  onFailure: 'closed',
})
