import { AdminError } from '../errors.ts'
import { isRecord } from '../is-record.ts'
import { type Imported, type ManifestTool, toName } from './imported.ts'

/**
 * The tools of AgentCore Gateway targets: one target or a list of them, as `get-gateway-target`
 * prints and `create-gateway-target` takes them, or a `targetConfiguration` alone.
 * https://docs.aws.amazon.com/bedrock-agentcore/latest/devguide/gateway-add-target-lambda.html
 *
 * Such a function gets the arguments as its event, and the tool's name in
 * `bedrockAgentCoreToolName` of its client context: the gateway sends both.
 */
export function fromAgentCore(text: string): Imported {
  const tools = new Map<string, ManifestTool>()
  const notes: string[] = []
  for (const target of targetsIn(parse(text))) {
    const name = typeof target['name'] === 'string' ? target['name'] : 'target'
    const configuration = recordAt(target, 'targetConfiguration') ?? target
    const lambda = recordAt(recordAt(configuration, 'mcp') ?? {}, 'lambda')
    const payload = lambda && recordAt(lambda, 'toolSchema')?.['inlinePayload']
    if (!lambda || typeof lambda['lambdaArn'] !== 'string') {
      notes.push(`${name} has no Lambda function and is left out.`)
      continue
    }
    if (!Array.isArray(payload)) {
      notes.push(`${name} has its tools in S3 and is left out: put them into "inlinePayload".`)
      continue
    }
    for (const tool of payload.filter(isRecord)) {
      const plain = toName(String(tool['name'] ?? ''))
      // AgentCore itself puts the target before every name.
      let key = tools.has(plain) ? toName(`${name}___${plain}`) : plain
      for (let n = 2; tools.has(key); n++) key = toName(`${name}_${n}___${plain}`)
      tools.set(key, toTool(tool, lambda['lambdaArn']))
    }
  }
  if (tools.size === 0)
    throw new AdminError('invalid_manifest', 'The file has no tool of a Lambda target', {
      hint: 'Pass what "aws bedrock-agentcore-control get-gateway-target" prints.',
    })
  return { manifest: { tools: Object.fromEntries(tools) }, notes }
}

function toTool(
  { description, inputSchema, outputSchema }: Record<string, unknown>,
  lambdaArn: string,
): ManifestTool {
  return {
    lambdaArn,
    ...(typeof description === 'string' && { description }),
    ...(isRecord(inputSchema) && { inputSchema: { ...inputSchema, type: 'object' } }),
    ...(isRecord(outputSchema) && outputSchema['type'] === 'object' && { outputSchema }),
  }
}

function targetsIn(value: unknown): Record<string, unknown>[] {
  if (Array.isArray(value)) return value.flatMap(targetsIn)
  if (!isRecord(value)) return []
  const { items, targets } = value
  const list = items ?? targets
  return Array.isArray(list) ? list.flatMap(targetsIn) : [value]
}

function recordAt(value: Record<string, unknown>, key: string) {
  const found = value[key]
  return isRecord(found) ? found : undefined
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    const message = `The file is not JSON: ${(cause as Error).message}`
    throw new AdminError('invalid_manifest', message, { cause })
  }
}
