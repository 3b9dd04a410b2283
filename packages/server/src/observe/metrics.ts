import { followedTrace } from '../http/log.ts'
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
    /**
     * Writes the entry of a call. One over a rate limit counts by its `error.type` alone: a client
     * that goes on calling would hide that the calls of others fail, or are slow.
     */
    call(entry: CallEntry) {
      const { 'error.type': errorType, functionMs } = entry
      const names: MetricName[] = ['calls', 'errors', 'throttles', 'ownMs', 'tableReads']
      if (functionMs !== undefined) names.push('functionMs')
      const dimensions: Dimension[] = []
      if (errorType !== 'rate_limited') dimensions.push('gateway')
      if (errorType !== 'rate_limited' && perItem)
        dimensions.push(...ITEMS.filter(it => entry[it] !== undefined))
      if (errorType) dimensions.push('error.type')
      writeEntry({ ...entry, calls: 1 }, names, dimensions)
    },
    /** Writes that a stream is open. */
    openStream() {
      const entry = {
        timestamp: new Date().toISOString(),
        level: 'INFO',
        message: 'open stream',
        trace_id: followedTrace(),
        openStreams: 1,
      }
      writeEntry(entry, ['openStreams'], ['gateway'])
    },
    /** The next entry says how long a message has waited. */
    waited(ms: number) {
      if (waits.length < MAX_VALUES) waits.push(Math.max(0, ms))
    },
  }

  function writeEntry(entry: object, names: MetricName[], dimensions: Dimension[]) {
    const hasWaits = waits.length > 0 && dimensions.includes('gateway')
    const all: MetricName[] = hasWaits ? [...names, 'relayWaitMs'] : names
    const fields = { ...entry, gateway, ...(hasWaits && { relayWaitMs: waits }) }
    const meta = `{"Timestamp":${Date.now()},"CloudWatchMetrics":${directivesFor(all, dimensions)}}`
    write(`${JSON.stringify(fields).slice(0, -1)},"_aws":${meta}}`)
    if (hasWaits) waits = []
  }

  /** The same few texts are needed again and again. */
  function directivesFor(names: MetricName[], dimensions: Dimension[]): string {
    const key = `${names} ${dimensions}`
    const known = directives.get(key)
    if (known) return known
    const text = JSON.stringify(dimensions.map(directive))
    directives.set(key, text)
    return text

    function directive(dimension: Dimension) {
      const metrics = OF_DIMENSION[dimension] ?? names
      return {
        Namespace: NAMESPACE,
        Dimensions: [dimension === 'gateway' ? ['gateway'] : ['gateway', dimension]],
        Metrics: metrics
          .filter(it => names.includes(it))
          .map(Name => ({ Name, Unit: UNITS[Name] })),
      }
    }
  }
}

/** The fields that name what was called. An entry has one of them at most. */
const ITEMS = ['gen_ai.tool.name', 'gen_ai.prompt.name', 'item'] as const

/** Each but that of the gateway is beside it. */
type Dimension = 'gateway' | (typeof ITEMS)[number] | 'error.type'

/** The metrics of an item cost $0.30 a month each. */
const OF_ITEM: MetricName[] = ['calls', 'errors', 'functionMs']

/** That of the gateway has all. */
const OF_DIMENSION: Partial<Record<Dimension, MetricName[]>> = {
  'gen_ai.tool.name': OF_ITEM,
  'gen_ai.prompt.name': OF_ITEM,
  item: OF_ITEM,
  'error.type': ['calls'],
}
