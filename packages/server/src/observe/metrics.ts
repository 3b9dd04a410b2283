import type { CallEntry } from './call-record.ts'

/** The namespace of the metrics in CloudWatch. */
const NAMESPACE = 'McpLambdaSam'

const UNITS = {
  calls: 'Count',
  errors: 'Count',
  throttles: 'Count',
  ownMs: 'Milliseconds',
  functionMs: 'Milliseconds',
  tableReads: 'Count',
  relayWaitMs: 'Milliseconds',
  openStreams: 'Count',
} as const

type MetricName = keyof typeof UNITS

/** CloudWatch takes so many values of a metric from one line. */
const MAX_VALUES = 100

interface MetricsOptions {
  /** The dimension of all metrics: the name of the mcp function. */
  gateway: string
  /** Whether each item has metrics of its own too. */
  perItem: boolean
  /** Writes one line of JSON. */
  write(line: string): void
}

/**
 * Writes metrics into log entries, in the embedded metric format of CloudWatch, to which
 * docs/aws-assumptions.md has the link. The fields of an entry are its metrics, so a call has one
 * line for both.
 */
export function createMetrics({ gateway, perItem, write }: MetricsOptions) {
  const directives = new Map<string, string>()
  /** Milliseconds that messages of `/sse` have waited in the session table, not written yet. */
  let waits: number[] = []

  return {
    /** Writes the entry of a call. */
    call(entry: CallEntry) {
      const { outcome, item, functionMs } = entry
      const names: MetricName[] = ['calls', 'errors', 'throttles', 'ownMs', 'tableReads']
      if (functionMs !== undefined) names.push('functionMs')
      const dimensions = perItem && item ? ['item'] : []
      if (outcome !== 'ok') dimensions.push('outcome')
      writeEntry({ ...entry, calls: 1 }, names, dimensions)
    },
    /** Writes that a stream is open. */
    openStream() {
      const timestamp = new Date().toISOString()
      const entry = { timestamp, level: 'INFO', message: 'open stream', openStreams: 1 }
      writeEntry(entry, ['openStreams'], [])
    },
    /** The next entry says how long a message has waited. */
    waited(ms: number) {
      if (waits.length < MAX_VALUES) waits.push(Math.max(0, ms))
    },
  }

  function writeEntry(entry: object, names: MetricName[], dimensions: string[]) {
    const hasWaits = waits.length > 0
    const all: MetricName[] = hasWaits ? [...names, 'relayWaitMs'] : names
    const fields = { ...entry, gateway, ...(hasWaits && { relayWaitMs: waits }) }
    const meta = `{"Timestamp":${Date.now()},"CloudWatchMetrics":${directivesFor(all, dimensions)}}`
    write(`${JSON.stringify(fields).slice(0, -1)},"_aws":${meta}}`)
    if (hasWaits) waits = []
  }

  /** The same few texts are needed again and again. */
  function directivesFor(names: MetricName[], dimensions: string[]): string {
    const key = `${names} ${dimensions}`
    const known = directives.get(key)
    if (known) return known
    const text = JSON.stringify([
      directive([], names),
      ...dimensions.map(it => directive([it], it === 'item' ? OF_ITEM : ['calls'])),
    ])
    directives.set(key, text)
    return text

    function directive(more: string[], metrics: MetricName[]) {
      return {
        Namespace: NAMESPACE,
        Dimensions: [['gateway', ...more]],
        Metrics: metrics
          .filter(it => names.includes(it))
          .map(Name => ({ Name, Unit: UNITS[Name] })),
      }
    }
  }
}

/** Each costs $0.30 a month for each item. */
const OF_ITEM: MetricName[] = ['calls', 'errors', 'functionMs']
