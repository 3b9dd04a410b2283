/**
 * Whether an `Accept` header accepts a media type. The most specific range decides, and a quality
 * of 0 refuses. A request without the header accepts everything.
 * https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1
 *
 * @param type in lower case, without parameters
 */
export function accepts(header: string | null, type: string): boolean {
  if (header === null || header.trim() === '') return true
  const [main] = type.split('/', 1)
  const qualities = new Map<string, number>()
  for (const part of split(header, /(?:[^,"]|"(?:\\.|[^"\\])*"?)+/g)) {
    const [range = '', ...parameters] = split(part, /(?:[^;"]|"(?:\\.|[^"\\])*"?)+/g)
    // The same range may come twice, with parameters that no response of ours has.
    qualities.set(range, Math.max(qualities.get(range) ?? 0, qualityOf(parameters)))
  }
  const quality = [type, `${main}/*`, '*/*', '*'].map(it => qualities.get(it))
  return (quality.find(it => it !== undefined) ?? 0) > 0
}

/** 1 where the quality is missing or not a number. */
function qualityOf(parameters: string[]): number {
  const value = parameters.find(it => /^q\s*=/.test(it))?.split('=')[1]
  const quality = value === undefined ? 1 : Number(value)
  return Number.isNaN(quality) ? 1 : quality
}

/** The parts between separators. A separator in a quoted text does not count. */
const split = (text: string, part: RegExp) =>
  (text.match(part) ?? []).map(it => it.trim().toLowerCase())
