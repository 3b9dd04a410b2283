// What a user's program does with the installed packages: it calls a tool on both transports, once
// with credentials and once with those of the environment, registers a tool, and runs a function.
// runtimes.mjs runs it in several runtimes, and as CommonJS.
import { createAdminClient } from '@markvp/mcp-lambda-sam-admin-client'
import { connect, SigV4SseTransport } from '@markvp/mcp-lambda-sam-client'
import { defineTool, testFunction } from '@markvp/mcp-lambda-sam-functions'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'

async function main() {
  const { MCP_URL = '', REGISTRATION_URL = '', AWS_REGION: region = '' } = process.env
  const { AWS_ACCESS_KEY_ID: accessKeyId = '', AWS_SECRET_ACCESS_KEY: secretAccessKey = '' } =
    process.env
  const credentials = { accessKeyId, secretAccessKey }

  const client = new Client({ name: 'runtimes', version: '1.0.0' })
  await connect(client, MCP_URL, { region, credentials })
  await call(client)
  const other = new Client({ name: 'runtimes', version: '1.0.0' })
  await other.connect(new SigV4SseTransport(MCP_URL))
  await call(other)

  const admin = createAdminClient({ url: REGISTRATION_URL, region, credentials })
  const { status } = await admin.registerTool({
    name: `of-${process.pid}`,
    lambdaArn: 'arn:aws:lambda:us-east-1:000000000000:function:hello',
  })
  if (status.state !== 'ready') throw new Error(status.state)

  const { text } = await testFunction(defineTool({ name: 'it', run: () => 'run' }), {})
  if (text !== 'run') throw new Error(text)
}

/** @param {Client} client */
async function call(client) {
  const result = await client.callTool({ name: 'hello', arguments: { name: 'world' } })
  if (!JSON.stringify(result).includes('Hello, world!')) throw new Error(JSON.stringify(result))
  await client.close()
}

main().then(
  () => process.exit(0),
  error => {
    console.error(error)
    process.exit(1)
  },
)
