import { expect, test } from 'vitest'

import { parseLambdaArn } from '../src/arn.ts'

test.each([
  ['arn:aws:lambda:us-east-1:000000000000:function:a', 'aws', 'us-east-1', undefined],
  [
    'arn:aws:lambda:ap-southeast-2:123456789012:function:My_fn-1',
    'aws',
    'ap-southeast-2',
    undefined,
  ],
  ['arn:aws:lambda:eu-central-1:123456789012:function:a:live', 'aws', 'eu-central-1', 'live'],
  ['arn:aws:lambda:eu-central-1:123456789012:function:a:42', 'aws', 'eu-central-1', '42'],
  ['arn:aws:lambda:eu-central-1:123456789012:function:a:$LATEST', 'aws', 'eu-central-1', '$LATEST'],
  ['arn:aws-cn:lambda:cn-north-1:123456789012:function:a', 'aws-cn', 'cn-north-1', undefined],
  [
    'arn:aws-us-gov:lambda:us-gov-west-1:123456789012:function:a:b',
    'aws-us-gov',
    'us-gov-west-1',
    'b',
  ],
  ...[
    ['aws-eusc', 'eusc-de-east-1'],
    ['aws-iso', 'us-iso-west-1'],
    ['aws-iso-b', 'us-isob-east-1'],
    ['aws-iso-e', 'eu-isoe-west-1'],
    ['aws-iso-f', 'us-isof-south-1'],
  ].map(([partition = '', region = '']): [string, string, string, undefined] => [
    `arn:${partition}:lambda:${region}:123456789012:function:a`,
    partition,
    region,
    undefined,
  ]),
])('%s is parsed into its parts', (arn, partition, region, qualifier) => {
  const [, , , , accountId, , functionName] = arn.split(':')
  expect(parseLambdaArn(arn)).toEqual({
    partition,
    region,
    accountId,
    functionName,
    ...(qualifier === undefined ? {} : { qualifier }),
  })
})

const long = 'f'.repeat(65)

test.each([
  ['', 'is not an ARN'],
  ['my-function', 'is not an ARN'],
  ['123456789012:function:a', 'is not an ARN'],
  [' arn:aws:lambda:us-east-1:123456789012:function:a', 'is not an ARN'],
  ['arn', 'partition ""'],
  ['arn:aws-mars:lambda:us-east-1:123456789012:function:a', 'partition "aws-mars"'],
  ['arn:aws:lambda:us-iso-east-1:123456789012:function:a', 'partition aws-iso and not in aws'],
  ['arn:aws-iso:lambda:us-isob-east-1:123456789012:function:a', 'partition aws-iso-b'],
  ['arn:aws:lambda:eusc-de-east-1:123456789012:function:a', 'partition aws-eusc'],
  ['arn:AWS:lambda:us-east-1:123456789012:function:a', 'partition "AWS"'],
  ['arn:aws:s3:::bucket', 'service "s3"'],
  ['arn:aws:states:us-east-1:123456789012:stateMachine:a', 'service "states"'],
  ['arn:aws:lambda::123456789012:function:a', 'region ""'],
  ['arn:aws:lambda:US-EAST-1:123456789012:function:a', 'region "US-EAST-1"'],
  ['arn:aws:lambda:useast1:123456789012:function:a', 'region "useast1"'],
  ['arn:aws:lambda:cn-north-1:123456789012:function:a', 'partition aws-cn'],
  ['arn:aws-cn:lambda:us-east-1:123456789012:function:a', 'partition aws and not in aws-cn'],
  ['arn:aws:lambda:us-gov-west-1:123456789012:function:a', 'partition aws-us-gov'],
  ['arn:aws:lambda:us-east-1::function:a', 'account ""'],
  ['arn:aws:lambda:us-east-1:12345678901:function:a', 'account "12345678901"'],
  ['arn:aws:lambda:us-east-1:1234-5678-9012:function:a', 'account "1234-5678-9012"'],
  ['arn:aws:lambda:us-east-1:123456789012:layer:a:1', 'resource "layer"'],
  [
    'arn:aws:lambda:us-east-1:123456789012:event-source-mapping:a',
    'resource "event-source-mapping"',
  ],
  ['arn:aws:lambda:us-east-1:123456789012', 'resource ""'],
  ['arn:aws:lambda:us-east-1:123456789012:function', 'function name ""'],
  ['arn:aws:lambda:us-east-1:123456789012:function:', 'function name ""'],
  ['arn:aws:lambda:us-east-1:123456789012:function:a.b', 'function name "a.b"'],
  ['arn:aws:lambda:us-east-1:123456789012:function:fünf', 'function name "fünf"'],
  ['arn:aws:lambda:us-east-1:123456789012:function:a\n', 'function name "a\n"'],
  [`arn:aws:lambda:us-east-1:123456789012:function:${long}`, `function name "${long}"`],
  ['arn:aws:lambda:us-east-1:123456789012:function:a:', 'qualifier ""'],
  ['arn:aws:lambda:us-east-1:123456789012:function:a:b c', 'qualifier "b c"'],
  ['arn:aws:lambda:us-east-1:123456789012:function:a:$latest', 'qualifier "$latest"'],
  ['arn:aws:lambda:us-east-1:123456789012:function:a:b:c', 'more parts'],
])('%j is refused, and the message names the wrong part', (arn, message) => {
  expect(parseLambdaArn(arn)).toContain(message)
})
