import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

import { readStack } from '../../src/local/stack.ts'

const template = readFileSync(new URL('../../../../template.yaml', import.meta.url), 'utf8')

test('reads the functions of the template with its default parameters', () => {
  const { McpFunction, RegistrationFunction } = readStack(template, '/dist').functions
  expect(McpFunction).toEqual({
    name: 'mcp-lambda-sam-mcp',
    handler: 'index.handler',
    root: '/dist/lambda/mcp',
    directory: '/dist/lambda/mcp',
    timeout: 900,
    memory: 512,
    authType: 'AWS_IAM',
    mode: 'RESPONSE_STREAM',
    role: 'arn:aws:iam::000000000000:role/mcp-lambda-sam-McpFunctionRole',
    variables: expect.objectContaining({
      REGISTRATION_TABLE: 'mcp-lambda-sam-RegistrationTable',
      SESSION_TABLE: 'mcp-lambda-sam-SessionTable',
      IDLE_TIMEOUT_SECONDS: '120',
    }),
    logging: { format: 'JSON', level: 'INFO' },
  })
  expect(RegistrationFunction).toMatchObject({
    name: 'mcp-lambda-sam-mcp-registration',
    root: '/dist/lambda/registration',
    timeout: 120,
    authType: 'AWS_IAM',
    mode: 'BUFFERED',
    variables: {
      REGISTRATION_TABLE: 'mcp-lambda-sam-RegistrationTable',
      MCP_ROLE_ARN: McpFunction?.role,
      OWN_FUNCTIONS: ['mcp', 'mcp-registration', 'mcp-resource']
        .map(it => `arn:aws:lambda:us-east-1:000000000000:function:mcp-lambda-sam-${it}`)
        .join(','),
    },
  })
})

test('names a reference that is unknown locally', () => {
  const changed = template.replace('!Ref SessionTable', '!GetAtt Elsewhere.Arn')
  expect(() => readStack(changed, '/dist')).toThrow(
    expect.objectContaining({
      code: 'unsupported_template',
      message: expect.stringContaining('Elsewhere.Arn'),
      hint: expect.any(String),
    }),
  )
})

test('reads the tables of the template with their keys', () => {
  expect(readStack(template, '/dist').tables).toEqual([
    expect.objectContaining({
      TableName: 'mcp-lambda-sam-RegistrationTable',
      KeySchema: expect.arrayContaining([expect.objectContaining({ KeyType: 'HASH' })]),
      BillingMode: 'PAY_PER_REQUEST',
    }),
    expect.objectContaining({ TableName: 'mcp-lambda-sam-SessionTable' }),
  ])
})
