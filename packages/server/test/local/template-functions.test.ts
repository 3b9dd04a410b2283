import { expect, test } from 'vitest'

import { templateFunctions } from '../../src/local/template/functions.ts'
import { parseTemplate } from '../../src/local/template/read.ts'

const read = (text: string, parameters: Record<string, string> = {}) =>
  templateFunctions(parseTemplate(text, 'template.yaml'), parameters)

const SAM = `
AWSTemplateFormatVersion: '2010-09-09'
Transform: AWS::Serverless-2016-10-31
Parameters:
  Stage: { Type: String, Default: dev }
  Secret: { Type: String, NoEcho: true }
Conditions:
  IsProd: !Equals [!Ref Stage, prod]
Globals:
  Function:
    Runtime: nodejs22.x
    Timeout: 12
    Environment:
      Variables: { STAGE: !Ref Stage, SHARED: global, KEY: !Ref Secret }
Resources:
  Orders:
    Type: AWS::DynamoDB::Table
    Properties: { TableName: !Sub 'orders-\${Stage}' }
  Queue: { Type: AWS::SQS::Queue }
  Hello:
    Type: AWS::Serverless::Function
    Metadata:
      BuildMethod: esbuild
      BuildProperties: { EntryPoints: [app.ts], External: ['@aws-sdk/*'], Format: esm }
    Properties:
      FunctionName: !Sub '\${Stage}-hello'
      CodeUri: hello/
      Handler: app.lambdaHandler
      Layers: [!Ref Queue]
      MemorySize: 256
      LoggingConfig: { LogFormat: JSON, ApplicationLogLevel: WARN }
      ReservedConcurrentExecutions: 3
      TenancyConfig: { TenantIsolationMode: PER_TENANT }
      Environment:
        Variables:
          SHARED: own
          TABLE: !Ref Orders
          QUEUE: !GetAtt Queue.Arn
          LEVEL: !If [IsProd, error, debug]
          LIST: !Join [',', [a, !Ref Stage]]
          OTHER: !GetAtt Worker.Arn
  Worker:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: python3.12
      Handler: worker.lambda_handler
      Code: { ZipFile: "def lambda_handler(event, context): return 1" }
  Java: { Type: AWS::Serverless::Function, Properties: { Runtime: java21, Handler: A::b } }
  Image: { Type: AWS::Serverless::Function, Properties: { PackageType: Image } }
  Elsewhere: { Type: AWS::Serverless::Function, Properties: { CodeUri: s3://b/k, Handler: a.b } }
  Never: { Type: AWS::Serverless::Function, Condition: IsProd, Properties: { Handler: a.b } }
`

test('reads the functions of a SAM template, with Globals, parameters and references', () => {
  const { functions } = read(SAM)
  expect(functions).toEqual([
    {
      name: 'dev-hello',
      title: 'Hello',
      runtime: 'nodejs22.x',
      code: { folder: 'hello/', handler: 'app.lambdaHandler' },
      timeout: 12,
      memory: 256,
      concurrency: 3,
      logging: { format: 'JSON', level: 'WARN' },
      isolatesTenants: true,
      esbuild: { entryPoints: ['app.ts'], format: 'esm', external: ['@aws-sdk/*'] },
      variables: {
        STAGE: 'dev',
        SHARED: 'own',
        TABLE: 'orders-dev',
        LEVEL: 'debug',
        LIST: 'a,dev',
        OTHER: 'arn:aws:lambda:us-east-1:000000000000:function:Worker',
      },
    },
    {
      name: 'Worker',
      title: 'Worker',
      runtime: 'python3.12',
      code: {
        inline: 'def lambda_handler(event, context): return 1',
        handler: 'worker.lambda_handler',
      },
      // The defaults of Lambda. Globals do not apply to this type.
      timeout: 3,
      memory: 128,
      isolatesTenants: false,
      variables: {},
    },
  ])
})

test('warns about everything that is not as on AWS, and says what to do', () => {
  expect(read(SAM, { Stagee: 'x' }).warnings).toEqual([
    'The template has no parameter Stagee',
    'Hello: Layers is not known here, since it uses the resource Queue',
    'Hello: the variable KEY is not set, since it uses the parameter Secret, which has no default. Set it with --env KEY=<value>',
    'Hello: the variable QUEUE is not set, since it uses the resource Queue.Arn. Set it with --env QUEUE=<value>',
    'Java does not run here: its runtime is java21, and only Node.js and Python run here',
    'Image does not run here: it is a container image',
    'Elsewhere does not run here: its code is in S3, not on this machine',
  ])
})

test('takes the values of parameters, also for conditions and pseudo parameters', () => {
  const { functions } = read(SAM, { Stage: 'prod', Secret: 'key' })
  expect(functions.map(it => it.name)).toEqual(['prod-hello', 'Worker', 'Never'])
  expect(functions[0]?.variables).toMatchObject({ KEY: 'key', LEVEL: 'error' })
})

test('a layer that is known is a warning, too', () => {
  const { warnings } = read(`Resources:
  Fn:
    Type: AWS::Serverless::Function
    Properties: { Runtime: nodejs20.x, Handler: a.b, Layers: [arn:aws:lambda:eu-west-1:1:layer:x:1] }`)
  expect(warnings).toEqual([
    'Fn has a layer, which is not loaded here: install its packages beside the code',
  ])
})

test('a part without content, and a circle of references, are no obstacle', () => {
  const { functions, warnings } = read(`
Parameters:
Conditions:
  Never: !Not [{ Condition: Never }]
Globals:
Resources:
  A: { Type: AWS::S3::Bucket, Properties: { BucketName: !Ref B } }
  B: { Type: AWS::S3::Bucket, Properties: { BucketName: !Sub '\${A}-b' } }
  Fn:
    Type: AWS::Serverless::Function
    Condition: Never
    Properties:
      Runtime: nodejs22.x
      Handler: a.b
      Environment: { Variables: { BUCKET: !Ref A, REGION: !Ref AWS::Region } }`)
  expect(functions).toMatchObject([{ name: 'Fn', variables: { REGION: 'us-east-1' } }])
  expect(warnings).toEqual([
    'Fn: the variable BUCKET is not set, since it uses a value that refers to itself. Set it with --env BUCKET=<value>',
  ])
})

test.each([
  ['Resources: [', /is no SAM or CloudFormation template: /],
  ['name: my-app', /is no SAM or CloudFormation template: it has no Resources/],
])('refuses a file that is no template: %s', (text, message) => {
  expect(() => read(text)).toThrow(message)
})
