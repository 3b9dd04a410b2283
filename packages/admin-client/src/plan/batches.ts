import type { BatchChange } from '../api-schema.ts'

/** The limits of `POST /register:batch`, with room for what is around the changes. */
const MAX_CHANGES = 100
const MAX_BYTES = 4_900_000

/** Splits changes into batches that the API accepts, in their order. */
export function* batchesOf(changes: readonly BatchChange[]): Generator<BatchChange[]> {
  let batch: BatchChange[] = []
  let bytes = 0
  for (const change of changes) {
    const size = Buffer.byteLength(JSON.stringify(change)) + 1
    if (batch.length === MAX_CHANGES || (batch.length > 0 && bytes + size > MAX_BYTES)) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(change)
    bytes += size
  }
  if (batch.length > 0) yield batch
}
