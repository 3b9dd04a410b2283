// A tool: the event is the arguments object, and the output is any JSON. Nothing here depends on
// MCP.

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
  const numeric = wanted.map(name => ({ name, values: numbers(rows, header.indexOf(name)) }))
  return {
    rows: rows.length,
    columns: Object.fromEntries(
      numeric
        .filter(({ values }) => values.length > 0)
        .map(({ name, values }) => [name, describe(values)]),
    ),
  }
}

/** @param {number[]} values at least one */
function describe(values) {
  const sorted = values.toSorted((a, b) => a - b)
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  const variance =
    values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1 || 1)
  const middle = sorted.length / 2
  const median = (at(Math.ceil(middle) - 1) + at(Math.floor(middle))) / 2
  return {
    count: values.length,
    min: at(0),
    max: at(sorted.length - 1),
    mean: round(mean),
    median: round(median),
    deviation: round(Math.sqrt(variance)),
  }

  /** @param {number} index */
  function at(index) {
    return sorted[index] ?? Number.NaN
  }
}

/** @param {number} value */
const round = value => Number(value.toPrecision(6))

/**
 * @param {string[][]} rows
 * @param {number} column
 */
const numbers = (rows, column) =>
  rows
    .map(row => row[column]?.trim())
    .filter(cell => cell)
    .map(Number)
    .filter(Number.isFinite)

/**
 * The rows of a CSV text by RFC 4180: quoted cells may hold commas, line ends and doubled quotes.
 *
 * @param {string} csv
 */
function parse(csv) {
  /** @type {string[]} */
  let row = []
  const rows = [row]
  for (const [, quoted, plain, end] of csv.matchAll(
    /(?:"((?:[^"]|"")*)"|([^,\r\n]*))(,|\r?\n|$)/g,
  )) {
    row.push(quoted?.replaceAll('""', '"') ?? plain ?? '')
    if (end === '') break
    if (end === ',') continue
    row = []
    rows.push(row)
  }
  return rows.filter(it => it.length > 1 || it[0] !== '')
}
