/**
 * Maps a list in its order, with this many calls at the same time. After an error no further call
 * begins. Rejects with the first error when all calls have ended.
 */
export async function eachOf<Item, Result>(
  items: readonly Item[],
  atOnce: number,
  map: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results = new Array<Result>(items.length)
  const rest = items.entries()
  const errors: unknown[] = []
  const work = async () => {
    for (const [index, item] of rest) {
      if (errors.length > 0) return
      try {
        results[index] = await map(item)
      } catch (error) {
        errors.push(error)
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, work))
  if (errors.length > 0) throw errors[0]
  return results
}
