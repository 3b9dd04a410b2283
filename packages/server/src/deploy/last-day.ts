import { type SigningOptions, signedFetch } from '@markvp/mcp-lambda-sam-client/sigv4'

import { PRICES } from '../../../../bench/prices.mjs'
import { endpointOf } from '../aws/endpoint.ts'
import { type UrlProblem, urlProblemOf } from './url-problem.ts'

/** What CloudWatch counted of the mcp function in the last 24 hours. */
export interface LastDay {
  /** Requests to the Function URL. */
  requests: number
  /** Responses with such a status. */
  status4xx: number
  status5xx: number
  invocations: number
  /** Invocations that failed or timed out. */
  failed: number
  throttled: number
  /** 99 % of the invocations were at most this long. A stream is one invocation. */
  p99Ms?: number
  /** Invocations at the same time, at most: open streams and requests. */
  mostAtOnce: number
  /** For Lambda at list prices. Absent where the memory is not known. */
  dollars?: number
}

/** Each with the statistic of one period of a day. */
const METRICS = {
  requests: ['UrlRequestCount', 'Sum'],
  status4xx: ['Url4xxCount', 'Sum'],
  status5xx: ['Url5xxCount', 'Sum'],
  invocations: ['Invocations', 'Sum'],
  failed: ['Errors', 'Sum'],
  throttled: ['Throttles', 'Sum'],
  p99Ms: ['Duration', 'p99'],
  totalMs: ['Duration', 'Sum'],
  mostAtOnce: ['ConcurrentExecutions', 'Maximum'],
} as const

type Metric = keyof typeof METRICS

const DAY_SECONDS = 86_400

/**
 * Reads the last day of a function from CloudWatch, with one request. Needs
 * `cloudwatch:GetMetricData`. Resolves to a problem where it cannot: no command needs the result.
 */
export async function readLastDay(
  functionName: string,
  memoryMb: number,
  signing: SigningOptions & { region: string },
): Promise<LastDay | { problem: UrlProblem }> {
  try {
    const endpoint = endpointOf('monitoring', signing.region, process.env)
    const response = await signedFetch({ ...signing, service: 'monitoring' })(endpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: String(new URLSearchParams(queryFor(functionName, new Date()))),
      signal: AbortSignal.timeout(10_000),
    })
    const text = await response.text()
    return response.ok ? lastDay(text, memoryMb) : { problem: refusal(response.status, text) }
  } catch (error) {
    return { problem: urlProblemOf(error) }
  }
}

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html */
function queryFor(functionName: string, now: Date): Record<string, string> {
  const fields: Record<string, string> = {
    Action: 'GetMetricData',
    Version: '2010-08-01',
    StartTime: new Date(now.getTime() - DAY_SECONDS * 1000).toISOString(),
    EndTime: now.toISOString(),
  }
  for (const [n, [id, [name, statistic]]] of Object.entries(METRICS).entries()) {
    const query = `MetricDataQueries.member.${n + 1}`
    const metric = `${query}.MetricStat.Metric`
    fields[`${query}.Id`] = id
    fields[`${metric}.Namespace`] = 'AWS/Lambda'
    fields[`${metric}.MetricName`] = name
    fields[`${metric}.Dimensions.member.1.Name`] = 'FunctionName'
    fields[`${metric}.Dimensions.member.1.Value`] = functionName
    fields[`${query}.MetricStat.Period`] = String(DAY_SECONDS)
    fields[`${query}.MetricStat.Stat`] = statistic
  }
  return fields
}

function lastDay(xml: string, memoryMb: number): LastDay {
  const values = new Map<string, number[]>()
  for (const [, result = ''] of xml.matchAll(RESULT)) {
    const [, id = ''] = /<Id>(\w+)<\/Id>/.exec(result) ?? []
    const [, list = ''] = /<Values>([\s\S]*?)<\/Values>/.exec(result) ?? []
    values.set(
      id,
      [...list.matchAll(/<member>([^<]+)</g)].map(([, value]) => Number(value)),
    )
  }
  // One value is expected. Where the period is cut at midnight there are two.
  const of = (id: Metric) => values.get(id) ?? []
  const sum = (id: Metric) => of(id).reduce((total, value) => total + value, 0)
  const most = (id: Metric) => Math.max(0, ...of(id))

  const invocations = sum('invocations')
  const dollars =
    (sum('totalMs') / 1000) * (memoryMb / 1024) * PRICES.gigabyteSecond +
    invocations * PRICES.invocation
  return {
    requests: sum('requests'),
    status4xx: sum('status4xx'),
    status5xx: sum('status5xx'),
    invocations,
    failed: sum('failed'),
    throttled: sum('throttled'),
    ...(of('p99Ms').length > 0 && { p99Ms: most('p99Ms') }),
    mostAtOnce: most('mostAtOnce'),
    ...(Number.isFinite(dollars) && { dollars }),
  }
}

/** An outer `member`, whose lists have members without elements. */
const RESULT = /<member>((?:<member>[^<]*<\/member>|(?!<\/?member>)[\s\S])*)<\/member>/g

function refusal(status: number, text: string): UrlProblem {
  const [, message = `status ${status}`] = /<Message>([^<]{1,500})<\/Message>/.exec(text) ?? []
  return {
    message: `CloudWatch refuses to tell: ${message}`,
    hint: 'Allow cloudwatch:GetMetricData to the role or user that runs this command.',
  }
}
