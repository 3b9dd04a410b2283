import { describe, expect, test } from 'vitest'

import { fromAgentCore } from '../src/import/agentcore.ts'
import { fromFunctions } from '../src/import/functions.ts'
import { fromSamTemplate } from '../src/import/sam-template.ts'
import { manifestSchema } from '../src/manifest/schema.ts'

const ARN = 'arn:aws:lambda:eu-central-1:123456789012:function:weather'

describe('an imported manifest', () => {
  test('of functions has a tool for each', () => {
    const { manifest } = fromFunctions([
      { FunctionName: 'weather', FunctionArn: ARN, Description: 'The weather' },
      { FunctionName: 'plain', FunctionArn: `${ARN}-2`, Description: '' },
    ])
    expect(manifest).toEqual({
      tools: {
        weather: { lambdaArn: ARN, description: 'The weather' },
        plain: { lambdaArn: `${ARN}-2` },
      },
    })
    expect(manifestSchema.safeParse(manifest).success).toBe(true)
  })

  test('of AgentCore targets has their tools, with the schemas', () => {
    const inputSchema = { type: 'object', properties: { city: { type: 'string' } } }
    const target = (name: string) => ({
      name,
      targetId: 'A',
      targetConfiguration: {
        mcp: {
          lambda: {
            lambdaArn: ARN,
            toolSchema: { inlinePayload: [{ name: 'get', description: 'D', inputSchema }] },
          },
        },
      },
    })
    const other = { name: 'api', targetConfiguration: { mcp: { openApiSchema: {} } } }
    const { manifest, notes } = fromAgentCore(
      JSON.stringify({ items: [target('a'), target('b'), other] }),
    )
    expect(manifest.tools).toEqual({
      get: { lambdaArn: ARN, description: 'D', inputSchema },
      b___get: { lambdaArn: ARN, description: 'D', inputSchema },
    })
    expect(notes).toEqual(['api has no Lambda function and is left out.'])
    expect(manifestSchema.safeParse(manifest).success).toBe(true)
    // Without names, as create-gateway-target takes them.
    const { targetConfiguration } = target('')
    const three = fromAgentCore(JSON.stringify([1, 2, 3].map(() => targetConfiguration)))
    expect(Object.keys(three.manifest.tools ?? {})).toEqual([
      'get',
      'target___get',
      'target_2___get',
    ])
    for (const text of ['{}', '[]', 'x'])
      expect(() => fromAgentCore(text)).toThrow(
        expect.objectContaining({ code: 'invalid_manifest' }),
      )
  })

  test('of a SAM template has functions to run, and tools with ARNs from the stack', () => {
    const template = `
Globals: { Function: { Runtime: nodejs24.x, Timeout: 5, Environment: { Variables: { A: 1 } } } }
Resources:
  Weather:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: weather
      Description: The weather
      CodeUri: src/
      Handler: index.handler
      MemorySize: !If [Large, 1024, 256]
      Environment: { Variables: { TABLE: !Ref Table, MODE: fast } }
  Other: { Type: AWS::Lambda::Function, Properties: { Handler: app.main, Runtime: python3.13 } }
  Table: { Type: AWS::DynamoDB::Table }
Outputs:
  WeatherFunctionArn: { Value: !GetAtt Weather.Arn }
`
    const { manifest, notes } = fromSamTemplate(template, {
      file: 'app/template.yaml',
      stack: 'weather-prod',
      out: undefined,
    })
    expect(manifest).toEqual({
      stack: 'weather-prod',
      functions: {
        weather: {
          arn: `\${stack:WeatherFunctionArn}`,
          handler: 'app/src/index.handler',
          runtime: 'nodejs24.x',
          timeout: 5,
          env: { A: 1, MODE: 'fast' },
        },
        Other: {
          arn: `\${stack:OtherArn}`,
          handler: 'app/app.main',
          runtime: 'python3.13',
          timeout: 5,
          env: { A: 1 },
        },
      },
      tools: {
        weather: { function: 'weather', description: 'The weather' },
        Other: { function: 'Other' },
      },
    })
    expect(manifestSchema.safeParse(manifest).success).toBe(true)
    expect(notes.join()).toContain('no output with the ARN of Other')
    const foreign = fromSamTemplate(
      `
Resources:
  Java:
    Type: AWS::Serverless::Function
    Properties: { Handler: "com.example.App::run", Runtime: java21, Environment: { Variables: { A: b } } }
  Go: { Type: AWS::Serverless::Function, Properties: { Handler: bootstrap, Runtime: provided.al2023 } }
  Image: { Type: AWS::Serverless::Function, Properties: { PackageType: Image } }
`,
      { file: 'template.yaml', stack: 'apps', out: undefined },
    )
    expect(foreign.manifest.functions).toEqual({
      Java: { arn: `\${stack:JavaArn}` },
      Go: { arn: `\${stack:GoArn}` },
      Image: { arn: `\${stack:ImageArn}` },
    })
    expect(manifestSchema.safeParse(foreign.manifest).success).toBe(true)
    expect(foreign.notes.join()).toContain('Java has no code that "mcp-lambda-sam local" can run')
    expect(() =>
      fromSamTemplate('Resources: {}', { file: 'a', stack: undefined, out: undefined }),
    ).toThrow(expect.objectContaining({ code: 'invalid_manifest' }))
  })
})
