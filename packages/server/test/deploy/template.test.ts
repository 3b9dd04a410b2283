import { expect, test } from 'vitest'
import { parse } from 'yaml'

import { toParameters } from '../../src/deploy/parameters.ts'
import { readTemplate } from '../../src/deploy/template.ts'

const TEMPLATE = `
Transform: AWS::Serverless-2016-10-31
Metadata:
  AWS::ServerlessRepo::Application:
    LicenseUrl: LICENSE
  AWS::CloudFormation::Interface:
    ParameterGroups: []
Parameters:
  StackIdentifier:
    Type: String
    Default: mcp-lambda-sam
  Seconds:
    Type: Number
    Default: 0
  Empty:
    Type: String
    Default: ""
  Needed:
    Type: String
Resources:
  # A comment that stays.
  One:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: packages/server/dist/lambda/one
      FunctionName: !Sub "\${StackIdentifier}-one"
      VpcConfig: !If [UseVpc, { SubnetIds: !Split [",", !Ref Empty] }, !Ref "AWS::NoValue"]
  Two:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: packages/server/dist/lambda/two
  Table:
    Type: AWS::DynamoDB::Table
`

test('reads the code URI of each function', () => {
  expect(readTemplate(TEMPLATE).code).toEqual({
    One: 'packages/server/dist/lambda/one',
    Two: 'packages/server/dist/lambda/two',
  })
})

test('changes only the code URIs, and removes the metadata for publishing', () => {
  const written = readTemplate(TEMPLATE).withCode({ One: 's3://b/1.zip', Two: 's3://b/2.zip' })
  expect(written).toContain('CodeUri: s3://b/1.zip')
  expect(written).toContain('# A comment that stays.')
  const plain = (text: string) => parse(text, { logLevel: 'error' })
  const expected = plain(
    TEMPLATE.replace(/packages\S+one/, 's3://b/1.zip').replace(/packages\S+two/, 's3://b/2.zip'),
  )
  delete expected.Metadata['AWS::ServerlessRepo::Application']
  expect(plain(written)).toEqual(expected)
  for (const tag of ['!Sub "$', '!Split', '!Ref Empty', '!Ref "AWS::NoValue"'])
    expect(written).toContain(tag)
})

test('refuses a template that is too long for a request', () => {
  const { withCode } = readTemplate(`${TEMPLATE}\nDescription: ${'long '.repeat(11_000)}`)
  expect(() => withCode({})).toThrow(expect.objectContaining({ code: 'not_built' }))
})

const template = readTemplate(TEMPLATE)

test('a new stack uses its name as the prefix of its functions, and defaults for the rest', () => {
  expect(toParameters(template, 'Second-Stack', undefined, { Needed: 'x' })).toEqual({
    StackIdentifier: 'second-stack',
    Needed: 'x',
  })
})

test('an existing stack keeps the parameters that are not given', () => {
  const current = { StackIdentifier: 'first', Needed: 'x', Seconds: '9', Gone: 'old' }
  expect(toParameters(template, 'Second', current, { Seconds: '7' })).toEqual({
    StackIdentifier: undefined,
    Needed: undefined,
    Seconds: '7',
  })
})

test.each([
  ['x', { Nedeed: 'x' }, /no parameter Nedeed/],
  ['stack', {}, /Needed has no default/],
  ['x', { Needed: 'x' }, /cannot be named after the stack x/],
])('refuses the stack name %j with the parameters %j', (stackName, wanted, message) => {
  expect(() => toParameters(template, stackName, undefined, wanted as never)).toThrow(
    expect.objectContaining({ code: 'invalid_option', message: expect.stringMatching(message) }),
  )
})

test('an empty parameter replaces the value of the stack', () => {
  const current = { StackIdentifier: 'a', Needed: 'x', Empty: 'full' }
  expect(toParameters(template, 'stack', current, { Empty: '' })).toMatchObject({ Empty: '' })
})
