// Tables, registered functions and settings for the handlers that the target `http` runs.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { devNull } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { startLocal } from '@markvp/mcp-lambda-sam/local'
import { createAdminClient } from '@markvp/mcp-lambda-sam-admin-client'

import { importSource } from './source.mjs'

const require = createRequire(import.meta.url)
const FUNCTION = 'arn:aws:lambda:us-east-1:000000000000:function:'

export async function startStack() {
  const dist = join(dirname(require.resolve('@markvp/mcp-lambda-sam/package.json')), 'dist')
  const local = await startLocal({
    functions: fileURLToPath(new URL('functions', import.meta.url)),
    log: () => {},
  })
  const { region, credentials, registrationUrl, dynamodbUrl, lambdaUrl } = local
  await registerAll(createAdminClient({ url: registrationUrl, region, credentials }))

  const { readStack } = /** @type {typeof import('../../packages/server/src/local/stack.ts')} */ (
    await importSource('packages/server/src/local/stack.ts')
  )
  const { functions } = readStack(readFileSync(join(dist, 'template.yaml'), 'utf8'), dist)
  /** @type {Record<string, string>} */
  const environment = {
    ...functions['RegistrationFunction']?.variables,
    ...functions['McpFunction']?.variables,
    SERVER_PUSH: 'on',
    AWS_ENDPOINT_URL_DYNAMODB: dynamodbUrl,
    AWS_ENDPOINT_URL_LAMBDA: lambdaUrl,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_REGION: region,
    AWS_CONFIG_FILE: devNull,
    AWS_SHARED_CREDENTIALS_FILE: devNull,
    AWS_LAMBDA_FUNCTION_NAME: functions['McpFunction']?.name ?? '',
    // The log entries of calls go to stdout, which has other uses where the handlers run.
    AWS_LAMBDA_LOG_LEVEL: 'WARN',
  }
  return { dist, environment, close: local.close }
}

/** @param {import('@markvp/mcp-lambda-sam-admin-client').AdminClient} admin */
async function registerAll(admin) {
  const any = `${FUNCTION}any`
  const lines = { lambdaArn: `${FUNCTION}lines`, contract: /** @type {const} */ ('mcp') }
  const strict = {
    type: 'object',
    properties: {
      text: { type: 'string', maxLength: 100, pattern: '^[a-z ]+$' },
      count: { type: 'integer', minimum: 0 },
      when: { type: 'string', format: 'date-time' },
      list: { type: 'array', uniqueItems: true, items: { type: ['string', 'number'] } },
    },
    required: ['text'],
    additionalProperties: false,
  }
  await admin.registerTool({ name: 'any', lambdaArn: any, parameters: {} })
  await admin.registerTool({ name: 'loose', lambdaArn: any, inputSchema: { type: 'object' } })
  await admin.registerTool({ name: 'strict', lambdaArn: any, inputSchema: strict })
  await admin.registerTool({ name: 'constructor', lambdaArn: any, parameters: { text: 'string?' } })
  await admin.registerTool({ name: 'lines', ...lines, inputSchema: { type: 'object' } })
  await admin.registerResource({ name: 'fixed', lambdaArn: any, uri: 'fixed://one' })
  await admin.registerResource({ name: 'note', lambdaArn: any, uriTemplate: 'notes://{id}' })
  await admin.registerResource({
    name: 'date',
    lambdaArn: any,
    uriTemplate: 'dates://{year}-{month}-{day}',
  })
  await admin.registerResource({ name: 'query', lambdaArn: any, uriTemplate: 'query://x{?a,b}' })
  await admin.registerResource({ name: 'lines', ...lines, uriTemplate: 'lines://{id}' })
  await admin.registerPrompt({ name: 'greet', lambdaArn: any, parameters: { name: 'string' } })
  await admin.registerPrompt({ name: 'ask', ...lines, parameters: { name: 'string' } })
}
