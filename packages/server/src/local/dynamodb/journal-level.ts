import { MemoryLevel } from 'memory-level'

import { Journal } from './journal.ts'
import type { Change } from './journal-record.ts'

/** The journal is rewritten when it is larger than this, and three times what it holds. */
const MIN_SIZE = 8 * 1024 * 1024

type Operation = { type: 'put'; key: Buffer; value: Buffer } | { type: 'del'; key: Buffer }

/** What abstract-level calls of a store. Its types leave these methods out. */
interface Store {
  iterator(options: object): AsyncIterable<[Buffer, Buffer]>
  _open(options: object): Promise<void>
  _close(): Promise<void>
  _put(key: Buffer, value: Buffer, options: object): Promise<void>
  _del(key: Buffer, options: object): Promise<void>
  _batch(operations: Operation[], options: object): Promise<void>
}

interface JournalOptions {
  /** In bytes. @default 8 MB */
  minSize?: number
  keyEncoding?: string
  valueEncoding?: string
}

const MemoryStore = MemoryLevel as unknown as new (options: object) => Store

/**
 * The database in memory with a journal on disk: it takes the place of LevelDB, which is a native
 * module. A write resolves when it is on the disk. Writes that come meanwhile share one flush.
 */
export class JournalLevel extends MemoryStore {
  readonly #folder: string
  readonly #minSize: number
  #journal: Journal | undefined
  #waiting: { operations: Operation[]; resolve(): void; reject(error: unknown): void }[] = []
  #writing: Promise<void> | undefined
  #sizeAfterRewrite = 0

  constructor(folder: string, { minSize = MIN_SIZE, ...options }: JournalOptions = {}) {
    super({ ...options, storeEncoding: 'buffer' })
    this.#folder = folder
    this.#minSize = minSize
  }

  override async _open(): Promise<void> {
    this.#journal = await Journal.open(this.#folder, changes =>
      super._batch(changes.map(toOperation), {}),
    )
  }

  override async _close(): Promise<void> {
    await this.#writing
    await this.#journal?.close()
  }

  override _put(key: Buffer, value: Buffer): Promise<void> {
    return this._batch([{ type: 'put', key, value }])
  }

  override _del(key: Buffer): Promise<void> {
    return this._batch([{ type: 'del', key }])
  }

  override _batch(operations: Operation[]): Promise<void> {
    const journal = this.#journal
    if (!journal) return Promise.reject(new Error('The journal is not open'))
    return new Promise((resolve, reject) => {
      this.#waiting.push({ operations, resolve, reject })
      this.#writing ??= this.#write(journal)
    })
  }

  /** Never rejects. Writes are visible to readers when they are on the disk. */
  async #write(journal: Journal) {
    while (this.#waiting.length > 0) {
      const batches = this.#waiting.splice(0)
      try {
        await journal.append(batches.map(({ operations }) => operations.map(toChange)))
        for (const { operations } of batches) await super._batch(operations, {})
      } catch (error) {
        for (const { reject } of batches) reject(error)
        continue
      }
      for (const { resolve } of batches) resolve()
      await this.#rewriteLarge(journal)
    }
    // In the same turn as the check of the loop: a write that comes later starts a new one.
    this.#writing = undefined
  }

  async #rewriteLarge(journal: Journal) {
    if (journal.size < Math.max(this.#minSize, 3 * this.#sizeAfterRewrite)) return
    try {
      await journal.rewrite(this.#content())
    } catch (error) {
      // The old journal is complete. The next attempt is made when it has grown again.
      console.error(`The journal in ${this.#folder} was not shortened:`, error)
    }
    this.#sizeAfterRewrite = journal.size
  }

  async *#content(): AsyncIterable<Change> {
    const options = { keyEncoding: 'buffer', valueEncoding: 'buffer' }
    for await (const [key, value] of this.iterator(options)) yield { key, value }
  }
}

const toOperation = ({ key, value }: Change): Operation =>
  value ? { type: 'put', key, value } : { type: 'del', key }

const toChange = (operation: Operation): Change =>
  operation.type === 'put' ? { key: operation.key, value: operation.value } : { key: operation.key }

/** The name under which dynalite looks for LevelDB: see tsup.config.ts. */
export { JournalLevel as Level }
