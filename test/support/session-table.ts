import type { Item } from '../../packages/server/src/dynamodb/dynamodb.ts'
import { signedOperations } from '../../packages/server/src/dynamodb/signed-operations.ts'
import type { Gateway } from './gateway.ts'

/** The Session table of a gateway, past the gateway. */
export async function sessionTable({ dynamodbUrl }: Gateway) {
  const send = signedOperations({
    service: 'dynamodb',
    region: 'us-east-1',
    endpoint: new URL(dynamodbUrl),
    credentials: () => ({ accessKeyId: 'local', secretAccessKey: 'local' }),
  })
  const { TableNames } = (await send('ListTables', {})) as { TableNames: string[] }
  const TableName = TableNames.find(it => it.includes('Session'))
  return {
    /** The item of a session. */
    async session(id: string): Promise<Item> {
      const Key = { channel: { S: id }, position: { S: 'session' } }
      const got = await send('GetItem', { TableName, Key, ConsistentRead: true })
      return (got as { Item?: Item }).Item ?? {}
    },
    put: (item: Item) => send('PutItem', { TableName, Item: item }),
  }
}
