/**
 * Number of resources that one client may subscribe to. Each costs reads while a stream is open.
 */
export const MAX_SUBSCRIPTIONS = 500

/**
 * UTF-8 bytes of the URIs that one client may subscribe to. An MCP session keeps them in one
 * DynamoDB item, which every request of the session reads.
 */
export const MAX_SUBSCRIPTION_BYTES = 128 * 1024

export const SUBSCRIPTION_LIMITS = `at most ${MAX_SUBSCRIPTIONS} resources, with ${MAX_SUBSCRIPTION_BYTES} bytes of URIs in all`
