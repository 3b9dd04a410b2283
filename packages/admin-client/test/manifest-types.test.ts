import { expectTypeOf, test } from 'vitest'
import type { input as Input } from 'zod'

import type { Manifest } from '../src/manifest/manifest.ts'
import type { manifestSchema } from '../src/manifest/schema.ts'

test('the published type of a manifest is that of the schema', () => {
  expectTypeOf<Input<typeof manifestSchema>>().toExtend<Manifest>()
  expectTypeOf<Manifest>().toExtend<Input<typeof manifestSchema>>()
})
