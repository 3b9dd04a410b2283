import { readFile } from 'node:fs/promises'

/** The text of a file. PowerShell 5 writes UTF-16 with ">", and others write a byte order mark. */
export async function readTextFile(path: string): Promise<string> {
  const bytes = await readFile(path)
  const encoding = bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : 'utf-8'
  return new TextDecoder(encoding).decode(bytes)
}
