import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

import { readStack } from '../../src/local/stack.ts'

const template = readFileSync(new URL('../../../../template.yaml', import.meta.url), 'utf8')

test('the functions of the template are read as they are deployed', () => {
  const { McpFunction, RegistrationFunction } = readStack(template, '/dist').functions
  expect(McpFunction).toEqual({
    name: 'mcp-lambda-sam-mcp',
    handler: 'index.handler',
    root: '/dist/lambda/mcp',
    directory: '/dist/lambda/mcp',
    timeout: 900,
    memory: 512,
    mode: 'RESPONSE_STREAM',
    role: 'arn:aws:iam::000000000000:role/mcp-lambda-sam-McpFunctionRole',
    variables: expect.objectContaining({
      REGISTRATION_TABLE: 'mcp-lambda-sam-RegistrationTable',
      SESSION_TABLE: 'mcp-lambda-sam-SessionTable',
      IDLE_TIMEOUT_SECONDS: '120',
    }),
  })
  expect(RegistrationFunction).toMatchObject({
    name: 'mcp-lambda-sam-mcp-registration',
    root: '/dist/lambda/registration',
    timeout: 30,
    mode: 'BUFFERED',
    variables: {
      REGISTRATION_TABLE: 'mcp-lambda-sam-RegistrationTable',
      MCP_ROLE_ARN: McpFunction?.role,
    },
  })
})

test('a reference that is not known locally is named', () => {
  const changed = template.replace('!Ref SessionTable', '!GetAtt Elsewhere.Arn')
  expect(() => readStack(changed, '/dist')).toThrow('Elsewhere.Arn')
})

test('the tables of the template are read with their keys', () => {
  expect(readStack(template, '/dist').tables).toEqual([
    expect.objectContaining({
      TableName: 'mcp-lambda-sam-RegistrationTable',
      KeySchema: expect.arrayContaining([expect.objectContaining({ KeyType: 'HASH' })]),
      BillingMode: 'PAY_PER_REQUEST',
    }),
    expect.objectContaining({ TableName: 'mcp-lambda-sam-SessionTable' }),
  ])
})
