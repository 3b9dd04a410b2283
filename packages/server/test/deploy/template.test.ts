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
  # Why it is here.
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

test('the functions of the template and their code are found', () => {
  expect(readTemplate(TEMPLATE).code).toEqual({
    One: 'packages/server/dist/lambda/one',
    Two: 'packages/server/dist/lambda/two',
  })
})

test('only the places of the code change, and what publishing needs goes', () => {
  const written = readTemplate(TEMPLATE).withCode({ One: 's3://b/1.zip', Two: 's3://b/2.zip' })
  expect(written).toContain('CodeUri: s3://b/1.zip')
  expect(written).toContain('# Why it is here.')
  const plain = (text: string) => parse(text, { logLevel: 'error' })
  const expected = plain(
    TEMPLATE.replace(/packages\S+one/, 's3://b/1.zip').replace(/packages\S+two/, 's3://b/2.zip'),
  )
  delete expected.Metadata['AWS::ServerlessRepo::Application']
  expect(plain(written)).toEqual(expected)
  for (const tag of ['!Sub "$', '!Split', '!Ref Empty', '!Ref "AWS::NoValue"'])
    expect(written).toContain(tag)
})

test('a template too long for a request is refused rather than sent', () => {
  const { withCode } = readTemplate(`${TEMPLATE}\nDescription: ${'long '.repeat(11_000)}`)
  expect(() => withCode({})).toThrow(expect.objectContaining({ code: 'not_built' }))
})

const template = readTemplate(TEMPLATE)

test('a new stack names its functions after itself, and takes the defaults for the rest', () => {
  expect(toParameters(template, 'Second-Stack', undefined, { Needed: 'x' })).toEqual({
    StackIdentifier: 'second-stack',
    Needed: 'x',
  })
})

test('a stack keeps what is not named, also what was given only once', () => {
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
])('refuses %j with %j', (stackName, wanted, message) => {
  expect(() => toParameters(template, stackName, undefined, wanted as never)).toThrow(
    expect.objectContaining({ code: 'invalid_option', message: expect.stringMatching(message) }),
  )
})

test('an empty value is a value', () => {
  const current = { StackIdentifier: 'a', Needed: 'x', Empty: 'full' }
  expect(toParameters(template, 'stack', current, { Empty: '' })).toMatchObject({ Empty: '' })
})
