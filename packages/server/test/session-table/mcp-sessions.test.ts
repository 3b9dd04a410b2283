import { afterAll, beforeAll, describe } from 'vitest'

import { dynamoMcpSessions } from '../../src/session-table/dynamo-sessions.ts'
import { mcpSessionsSuite } from '../suites/mcp-sessions.ts'
import { type Emulator, startDynamo } from '../support/dynamodb.ts'

let emulator: Emulator
beforeAll(async () => {
  emulator = await startDynamo()
})
afterAll(() => emulator.close())

describe('MCP sessions in DynamoDB', () => {
  mcpSessionsSuite(() => dynamoMcpSessions(emulator.dynamo(), emulator.tables.SessionTable))
})
