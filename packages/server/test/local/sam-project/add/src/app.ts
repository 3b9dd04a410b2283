import { add } from './add.js'

export const handler = async ({ a, b }: { a: number; b: number }) => ({
  sum: add(a, b),
  file: __filename.split('/').pop(),
})
