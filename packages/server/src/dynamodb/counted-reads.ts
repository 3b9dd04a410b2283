import type { SendOperation } from './dynamodb.ts'

const READS = new Set(['GetItem', 'Query', 'BatchGetItem'])

/** Sends operations, and counts those that read. */
export function countedReads(send: SendOperation): { send: SendOperation; count(): number } {
  let reads = 0
  return {
    send(operation, input) {
      if (READS.has(operation)) reads += 1
      return send(operation, input)
    },
    count: () => reads,
  }
}
