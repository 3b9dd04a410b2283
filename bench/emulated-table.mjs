// The tables of the DynamoDB emulator, as the benchmarks read and write them.

/**
 * A table of the DynamoDB emulator: its name, and how to send it a request.
 *
 * @param {string} dynamodbUrl
 * @param {string} suffix of its name
 */
export async function emulatedTable(dynamodbUrl, suffix) {
  const { TableNames } = await send('ListTables', {})
  /** @type {string} */
  const name = TableNames.find((/** @type {string} */ it) => it.endsWith(suffix))
  return { name, send }

  /**
   * @param {string} operation that may be repeated
   * @param {object} input
   */
  async function send(operation, input) {
    const post = () => fetch(dynamodbUrl, requestOf(operation, input))
    // The emulator may close an idle connection just when a request is sent on it.
    const response = await post().catch(post)
    if (!response.ok) throw new Error(`${operation} failed: ${await response.text()}`)
    return response.json()
  }
}

/**
 * @param {string} operation
 * @param {object} input
 */
const requestOf = (operation, input) => ({
  method: 'POST',
  headers: {
    'content-type': 'application/x-amz-json-1.0',
    'x-amz-target': `DynamoDB_20120810.${operation}`,
    'x-amz-date': '20200101T000000Z',
    // The emulator requires a signature and does not verify it.
    authorization:
      'AWS4-HMAC-SHA256 Credential=local/20200101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=none',
  },
  body: JSON.stringify(input),
})

/**
 * How many items of the session table have not expired. The emulator keeps expired ones.
 *
 * @param {string} dynamodbUrl
 */
export async function liveItems(dynamodbUrl) {
  const { name, send } = await emulatedTable(dynamodbUrl, 'SessionTable')
  let count = 0
  /** @type {object | undefined} */
  let ExclusiveStartKey
  do {
    const page = await send('Scan', {
      TableName: name,
      Select: 'COUNT',
      FilterExpression: 'attribute_not_exists(expiresAt) OR expiresAt > :now',
      ExpressionAttributeValues: { ':now': { N: String(Math.floor(Date.now() / 1_000)) } },
      ...(ExclusiveStartKey && { ExclusiveStartKey }),
    })
    count += page.Count
    ExclusiveStartKey = page.LastEvaluatedKey
  } while (ExclusiveStartKey)
  return count
}
