import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'

import { type Change, decodeRecord, encodeRecord } from './journal-record.ts'

const MAGIC = Buffer.from('mcp-lambda-sam journal 1\n')
const CHUNK = 1024 * 1024

/**
 * A file of changes, in the order in which they were made. `append` resolves when they are on the
 * disk, so that they survive the end of the process and of the machine. A record that was not
 * written to its end was never acknowledged; it is cut off when the journal is opened.
 */
export class Journal {
  readonly #folder: string
  #file: FileHandle
  #size: number
  #failure: unknown

  private constructor(folder: string, file: FileHandle, size: number) {
    this.#folder = folder
    this.#file = file
    this.#size = size
  }

  /**
   * Opens or creates the journal in `folder`, and calls `apply` with the changes of each record.
   */
  static async open(
    folder: string,
    apply: (changes: Change[]) => void | Promise<void>,
  ): Promise<Journal> {
    await mkdir(folder, { recursive: true })
    await rm(join(folder, REWRITTEN), { force: true })
    const file = await open(join(folder, NAME), 'a+').then(async it => {
      await it.close()
      return open(join(folder, NAME), 'r+')
    })
    try {
      const journal = new Journal(folder, file, 0)
      const { size: length } = await file.stat()
      // A journal that is shorter than its first line was being created when the machine stopped.
      if (length < MAGIC.length) await journal.#create()
      else await journal.#replay(length, apply)
      return journal
    } catch (error) {
      await file.close()
      throw error
    }
  }

  /** In bytes. */
  get size(): number {
    return this.#size
  }

  /** Each batch is one record. Rejects when the disk fails; then none of the batches is kept. */
  async append(batches: readonly (readonly Change[])[]): Promise<void> {
    if (this.#failure) throw this.#failure
    const bytes = Buffer.concat(batches.map(encodeRecord))
    try {
      await writeAll(this.#file, bytes, this.#size)
    } catch (error) {
      // For example a full disk. What was written of it must not stand before the next record.
      await this.#file.truncate(this.#size).catch(failure => {
        this.#failure = failure
      })
      throw error
    }
    try {
      await this.#file.datasync()
    } catch (error) {
      // What is on the disk is unknown now: the system may have dropped the pages.
      this.#failure = error
      throw error
    }
    this.#size += bytes.length
  }

  /** Replaces the journal by one with these changes alone. The old one stays until that is done. */
  async rewrite(changes: AsyncIterable<Change>): Promise<void> {
    const path = join(this.#folder, REWRITTEN)
    const file = await open(path, 'w+')
    let size = 0
    let waiting: Change[] = []
    let bytes = 0
    const write = async (data: Buffer) => {
      await writeAll(file, data, size)
      size += data.length
    }
    try {
      await write(MAGIC)
      for await (const change of changes) {
        waiting.push(change)
        bytes += change.key.length + (change.value?.length ?? 0)
        if (bytes < CHUNK) continue
        await write(encodeRecord(waiting))
        waiting = []
        bytes = 0
      }
      if (waiting.length > 0) await write(encodeRecord(waiting))
      await file.sync()
      await this.#replaceBy(path)
    } catch (error) {
      await file.close()
      await rm(path, { force: true })
      throw error
    }
    const replaced = this.#file
    this.#file = file
    this.#size = size
    await replaced.close().catch(() => {})
    try {
      await syncFolder(this.#folder)
    } catch (error) {
      // Which of the two files has the name after the end of the machine is unknown now.
      this.#failure = error
      throw error
    }
  }

  close(): Promise<void> {
    return this.#file.close()
  }

  async #replaceBy(path: string) {
    if (process.platform !== 'win32') return rename(path, join(this.#folder, NAME))
    // Windows does not replace a file that is open.
    await this.#file.close()
    try {
      await rename(path, join(this.#folder, NAME))
    } catch (error) {
      this.#file = await open(join(this.#folder, NAME), 'r+')
      throw error
    }
  }

  async #create() {
    await this.#file.truncate(0)
    await writeAll(this.#file, MAGIC, 0)
    await this.#file.sync()
    await syncFolder(this.#folder)
    this.#size = MAGIC.length
  }

  async #replay(length: number, apply: (changes: Change[]) => void | Promise<void>) {
    let bytes: Buffer = Buffer.alloc(0)
    let at = 0
    let isStart = true
    for (;;) {
      const record = isStart ? 'short' : decodeRecord(bytes)
      if (record === 'damaged') break
      if (record !== 'short') {
        this.#size += bytes.length - record.rest.length
        bytes = record.rest
        await apply(record.changes)
        continue
      }
      if (at === length) break
      const { bytesRead, buffer } = await this.#file.read(Buffer.alloc(CHUNK), 0, CHUNK, at)
      if (bytesRead === 0) break
      at += bytesRead
      bytes = Buffer.concat([bytes, buffer.subarray(0, bytesRead)])
      if (!isStart) continue
      if (!bytes.subarray(0, MAGIC.length).equals(MAGIC))
        throw new Error(`${join(this.#folder, NAME)} is not a journal of this version`)
      bytes = bytes.subarray(MAGIC.length)
      this.#size = MAGIC.length
      isStart = false
    }
    if (this.#size === length) return
    console.error(
      `${join(this.#folder, NAME)}: cut off ${length - this.#size} bytes of a write that was not finished`,
    )
    await this.#file.truncate(this.#size)
    await this.#file.sync()
  }
}

const NAME = 'journal'
const REWRITTEN = 'journal.new'

async function writeAll(file: FileHandle, data: Buffer, position: number): Promise<void> {
  for (let written = 0; written < data.length; ) {
    const { bytesWritten } = await file.write(
      data,
      written,
      data.length - written,
      position + written,
    )
    written += bytesWritten
  }
}

/** Makes a new name durable. Windows has no such call. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
