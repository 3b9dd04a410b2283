import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../../', import.meta.url))

/** A fenced code block. */
export interface Block {
  /** `docs/access.md:12`: the page and the line of the opening fence. */
  place: string
  /** The first line of the code, counted from 1. */
  firstLine: number
  /** The word after the opening fence: `ts`, `sh`, `json` … */
  language: string
  code: string
  /** The text of the HTML comment right above the fence, without its delimiters. */
  comment: string | undefined
}

export interface Page {
  /** Relative to the repository, with `/`. */
  path: string
  lines: string[]
  blocks: Block[]
  /**
   * Targets of links in the text, with the line of each: `[text](target)` and `[label]: target`.
   */
  links: { target: string; line: number }[]
  /** The anchors that GitHub gives to the headings. */
  anchors: Set<string>
}

/** The pages for users: README.md, docs/*.md and the README of each package. */
export const pages = (): Page[] => {
  const docs = readdirSync(`${root}docs`).filter(name => name.endsWith('.md'))
  const packages = readdirSync(`${root}packages`)
  return [
    'README.md',
    ...docs.map(name => `docs/${name}`),
    ...packages.map(name => `packages/${name}/README.md`),
  ].map(readPage)
}

export function readPage(path: string): Page {
  const lines = readFileSync(`${root}${path}`, 'utf8').split('\n')
  const blocks: Block[] = []
  const links: Page['links'] = []
  const anchors = new Set<string>()
  let open: (Block & { fence: string }) | undefined
  lines.forEach((line, index) => {
    const fence = /^\s*(```+)(\w*)/.exec(line)
    if (open) {
      if (fence?.[1] === open.fence) {
        blocks.push(open)
        open = undefined
      } else open.code += `${line}\n`
    } else if (fence) {
      open = {
        place: `${path}:${index + 1}`,
        firstLine: index + 2,
        language: fence[2] ?? '',
        code: '',
        comment: commentAbove(lines, index),
        fence: fence[1] ?? '',
      }
    } else {
      const heading = /^#{1,6} (.+)$/.exec(line)?.[1]
      if (heading) anchors.add(anchorOf(heading, anchors))
      const text = line.replace(/`[^`]*`/g, '')
      const found = [...text.matchAll(/\]\(([^)\s]+)\)/g), ...text.matchAll(/^\[[^\]]+\]: (\S+)/g)]
      for (const [, target = ''] of found) links.push({ target, line: index + 1 })
    }
  })
  if (open) throw new Error(`${open.place}: the block has no closing fence`)
  return { path, lines, blocks, links, anchors }
}

/**
 * The comment above line `index`, with or without empty lines between; it may have several lines.
 */
function commentAbove(lines: string[], index: number): string | undefined {
  let end = index - 1
  while (lines[end] === '') end--
  if (!lines[end]?.endsWith('-->')) return undefined
  let start = end
  while (start > 0 && !lines[start]?.startsWith('<!--')) start--
  return lines
    .slice(start, end + 1)
    .join('\n')
    .replace(/^<!--\s*|\s*-->$/g, '')
}

/** https://github.com/gjtorikian/html-pipeline: lower case, no punctuation, `-` for a space. */
function anchorOf(heading: string, taken: Set<string>): string {
  const anchor = heading
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\p{M}_\- ]/gu, '')
    .replaceAll(' ', '-')
  let unique = anchor
  for (let n = 1; taken.has(unique); n++) unique = `${anchor}-${n}`
  return unique
}
