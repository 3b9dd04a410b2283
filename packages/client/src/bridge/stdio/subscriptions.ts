import { isRecord } from '../../is-record.ts'
import type { JsonRpcMessage, RequestId } from '../../jsonrpc.ts'

export const LISTEN = 'subscriptions/listen'

/**
 * A `subscriptions/listen` of the host. Its stream over HTTP ends sooner than the pipe of the host,
 * so the bridge opens another and the host does not notice.
 */
export interface Subscription {
  readonly isAcknowledged: boolean
  /** Whether the acknowledgement is for this subscription. */
  owns(acknowledgement: JsonRpcMessage): boolean
  /**
   * Undefined for the first acknowledgement, which the host gets. A later one is replaced by
   * notifications of all changes that may have been missed.
   */
  acknowledge(acknowledgement: JsonRpcMessage): string[] | undefined
}

export const isAcknowledgement = ({ method }: JsonRpcMessage) =>
  method === 'notifications/subscriptions/acknowledged'

const SUBSCRIPTION_ID = 'io.modelcontextprotocol/subscriptionId'

const LISTS = {
  toolsListChanged: 'notifications/tools/list_changed',
  promptsListChanged: 'notifications/prompts/list_changed',
  resourcesListChanged: 'notifications/resources/list_changed',
}

export function subscriptionOf(id: RequestId): Subscription {
  let isAcknowledged = false
  return {
    get isAcknowledged() {
      return isAcknowledged
    },
    owns: ({ params }) => subscriptionIdIn(params) === String(id),
    acknowledge({ params }) {
      const isFirst = !isAcknowledged
      isAcknowledged = true
      return isFirst ? undefined : missedChanges(params)
    },
  }
}

function missedChanges(params: unknown): string[] {
  const { _meta, notifications } = isRecord(params) ? params : {}
  const honoured = isRecord(notifications) ? notifications : {}
  const lists = Object.entries(LISTS)
    .filter(([name]) => honoured[name] === true)
    .map(([, method]) => ({ jsonrpc: '2.0', method, params: { _meta } }))
  const { resourceSubscriptions: uris } = honoured
  const updates = (Array.isArray(uris) ? uris : []).map(uri => ({
    jsonrpc: '2.0',
    method: 'notifications/resources/updated',
    params: { uri, _meta },
  }))
  return [...lists, ...updates].map(it => JSON.stringify(it))
}

function subscriptionIdIn(params: unknown): string | undefined {
  const meta = isRecord(params) ? params['_meta'] : undefined
  const id = isRecord(meta) ? meta[SUBSCRIPTION_ID] : undefined
  return typeof id === 'string' || typeof id === 'number' ? String(id) : undefined
}
