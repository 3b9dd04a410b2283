import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { isRecord } from '../../is-record.ts'
import { UsageError } from '../usage-error.ts'
import { type Result, recordIn } from './mcp-client.ts'
import { onOneLine, printable, type Style } from './style.ts'

export interface ContentOptions {
  /** Where files are written. */
  folder: string
  /** The first part of their names. */
  name: string
  style: Style
}

/** The content blocks of a result as text. Images and other bytes become files. */
export function contentText(content: unknown, options: ContentOptions): string {
  const blocks = (Array.isArray(content) ? content : []).filter(isRecord)
  return blocks.map(it => blockText(it, options)).join('\n')
}

/** The result of a tool: its content, or its structured content where that says the same. */
export function toolResultText(result: Result, options: ContentOptions): string {
  const { content, structuredContent } = result
  if (structuredContent === undefined) return contentText(content, options)
  const [only, ...others] = Array.isArray(content) ? content : []
  const isSame =
    only === undefined ||
    (others.length === 0 && isRecord(only) && isSameJson(only['text'], structuredContent))
  const text = printable(JSON.stringify(structuredContent, null, 2))
  return isSame ? text : `${contentText(content, options)}\n${text}`
}

export function resourceText(contents: unknown, options: ContentOptions): string {
  const parts = (Array.isArray(contents) ? contents : []).filter(isRecord)
  const texts = parts.map(it => resourceBody(it, options))
  if (parts.length < 2) return texts.join('')
  return parts
    .map((it, at) => `${options.style.bold(onOneLine(it['uri']))}\n${texts[at]}`)
    .join('\n\n')
}

function blockText(block: Result, options: ContentOptions): string {
  const { type, text, data, mimeType, name, uri } = block
  if (type === 'text') return printable(text)
  if (type === 'image' || type === 'audio') return saved(data, mimeType, options)
  if (type === 'resource_link') return `${onOneLine(name)}  ${onOneLine(uri)}`
  if (type === 'resource') {
    const resource = recordIn(block, 'resource')
    return `${options.style.bold(onOneLine(resource['uri']))}\n${resourceBody(resource, options)}`
  }
  return printable(JSON.stringify(block, null, 2))
}

function resourceBody({ text, blob, mimeType }: Result, options: ContentOptions): string {
  return typeof blob === 'string' ? saved(blob, mimeType, options) : printable(text)
}

const EXTENSIONS = new Map([
  ['audio/mpeg', 'mp3'],
  ['audio/wav', 'wav'],
  ['image/jpeg', 'jpg'],
  ['image/svg+xml', 'svg'],
  ['application/octet-stream', 'bin'],
])

/** Writes base64 to a new file. An existing file is never replaced. */
function saved(data: unknown, type: unknown, { folder, name, style }: ContentOptions): string {
  const bytes = Buffer.from(typeof data === 'string' ? data : '', 'base64')
  const mimeType = onOneLine(type) || 'application/octet-stream'
  const subtype = /^[a-z]+\/([a-z0-9]{1,10})$/.exec(mimeType)?.[1] ?? 'bin'
  const stem =
    name
      .replace(/[^\w.-]+/g, '-')
      .replace(/^[.-]+/, '')
      .slice(0, 60) || 'result'
  const path = write(bytes, folder, stem, EXTENSIONS.get(mimeType) ?? subtype)
  return `${path}  ${style.dim(`${mimeType}, ${bytes.length.toLocaleString('en')} bytes`)}`
}

/** @throws UsageError where the folder cannot be written to */
function write(bytes: Buffer, folder: string, stem: string, extension: string): string {
  try {
    mkdirSync(folder, { recursive: true })
  } catch (error) {
    throw notWritten(error)
  }
  for (let number = 1; ; number++) {
    const path = join(folder, `${stem}-${number}.${extension}`)
    try {
      writeFileSync(path, bytes, { flag: 'wx' })
      return path
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw notWritten(error)
    }
  }
}

const notWritten = (error: unknown) =>
  new UsageError(
    `The result came, but a file of it cannot be written: ${(error as Error).message}. --output names another folder, and --json writes no file.`,
  )

function isSameJson(text: unknown, value: unknown): boolean {
  try {
    return JSON.stringify(JSON.parse(String(text))) === JSON.stringify(value)
  } catch {
    return false // plain text
  }
}
