// A tool: the event is the arguments object, the answer is any JSON. Nothing here knows of MCP.

/** @param {{ csv: string, columns?: string[] }} event */
export async function handler({ csv, columns }) {
  const [header = [], ...rows] = parse(csv)
  const wanted = columns ?? header
  const unknown = wanted.filter(name => !header.includes(name))
  if (unknown.length > 0) {
    return {
      statusCode: 404,
      body: `No column ${unknown.join(', ')}; there are ${header.join(', ')}`,
    }
  }
  const numeric = wanted.map(name => [name, numbers(rows, header.indexOf(name))])
  return {
    rows: rows.length,
    columns: Object.fromEntries(
      numeric
        .filter(([, values]) => values.length > 0)
        .map(([name, values]) => [name, describe(values)]),
    ),
  }
}

function describe(values) {
  const sorted = values.toSorted((a, b) => a - b)
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const variance =
    values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1 || 1)
  const middle = sorted.length / 2
  const median = (sorted[Math.ceil(middle) - 1] + sorted[Math.floor(middle)]) / 2
  const [min, max] = [sorted[0], sorted.at(-1)]
  return {
    count: values.length,
    min,
    max,
    mean: round(mean),
    median: round(median),
    deviation: round(Math.sqrt(variance)),
  }
}

const round = value => Number(value.toPrecision(6))

const numbers = (rows, column) =>
  rows
    .map(row => row[column]?.trim())
    .filter(cell => cell)
    .map(Number)
    .filter(Number.isFinite)

/** RFC 4180: quoted cells may hold commas, line ends and doubled quotes. */
function parse(csv) {
  const rows = [[]]
  for (const [, quoted, plain, end] of csv.matchAll(
    /(?:"((?:[^"]|"")*)"|([^,\r\n]*))(,|\r?\n|$)/g,
  )) {
    rows.at(-1).push(quoted?.replaceAll('""', '"') ?? plain)
    if (end === '') break
    if (end !== ',') rows.push([])
  }
  return rows.filter(row => row.length > 1 || row[0] !== '')
}
