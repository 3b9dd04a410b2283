// The whole path on one machine: start the gateway, register functions, connect an MCP client, call
// the functions. Set DEBUG to see the log of the gateway and the functions.
import { fileURLToPath } from 'node:url'

import { startLocal } from '@markvp/mcp-lambda-sam/local'
import { createAdminClient } from '@markvp/mcp-lambda-sam-admin-client'
import { connect } from '@markvp/mcp-lambda-sam-client'
import { Client } from '@modelcontextprotocol/client'

/** @param {string} name */
const functionArn = name => `arn:aws:lambda:us-east-1:000000000000:function:${name}`
const started = performance.now()
let last = started

const local = await startLocal({
  functions: fileURLToPath(new URL('functions', import.meta.url)),
  log: entry => {
    if (process.env['DEBUG']) process.stderr.write(`    ${JSON.stringify(entry)}\n`)
  },
})
try {
  step('The gateway runs: two Lambda-like functions behind IAM-verifying Function URLs')
  show(`mcp           ${local.mcpUrl}`)
  show(`registration  ${local.registrationUrl}`)

  const admin = createAdminClient({
    url: local.registrationUrl,
    region: local.region,
    credentials: local.credentials,
  })
  const tool = await admin.registerTool({
    name: 'statistics',
    description: 'Count, range, mean, median and deviation of the numeric columns of a CSV text',
    lambdaArn: functionArn('statistics'),
    parameters: {
      csv: { type: 'string', description: 'The CSV text, with a header line' },
      columns: { type: 'string[]', description: 'Only these columns', optional: true },
    },
    annotations: { readOnlyHint: true },
  })
  const resource = await admin.registerResource({
    name: 'datasets',
    description: 'Datasets as CSV',
    lambdaArn: functionArn('datasets'),
    uriTemplate: 'dataset://{name}',
    mimeType: 'text/csv',
  })
  const prompt = await admin.registerPrompt({
    name: 'report',
    description: 'Asks for a short report on a dataset',
    lambdaArn: functionArn('report'),
    parameters: { dataset: 'string', audience: 'string?' },
  })
  step('An administrator registers three functions')
  for (const { id, version, lambdaArn } of [tool, resource, prompt])
    show(`${id}  v${version}  ${lambdaArn}`)

  const client = new Client({ name: 'demo', version: '1.0.0' })
  await connect(client, local.mcpUrl, { region: local.region, credentials: local.credentials })
  step('An MCP client connects; every request is signed with SigV4')
  show(`server ${JSON.stringify(client.getServerVersion())}`)

  const { tools } = await client.listTools()
  const { resourceTemplates } = await client.listResourceTemplates()
  const { prompts } = await client.listPrompts()
  step('It lists the tools, resource templates and prompts')
  show(
    `tools      ${tools.map(it => `${it.name}(${Object.keys(it.inputSchema.properties ?? {})})`)}`,
  )
  show(`templates  ${resourceTemplates.map(it => it.uriTemplate)}`)
  show(
    `prompts    ${prompts.map(it => `${it.name}(${it.arguments?.map(argument => argument.name)})`)}`,
  )

  const { contents } = await client.readResource({ uri: 'dataset://planets' })
  const csv = textOf(contents[0])
  step('It reads dataset://planets')
  show(csv.split('\n').slice(0, 3).join('\n'))

  const result = await client.callTool({
    name: 'statistics',
    arguments: { csv, columns: ['radius_km', 'moons'] },
  })
  step('It calls the tool with the text of the resource')
  show(JSON.stringify(result.structuredContent, null, 2))

  const { messages } = await client.getPrompt({ name: 'report', arguments: { dataset: 'planets' } })
  step('It gets the prompt')
  show(textOf(messages[0]?.content))

  const invalid = await client.callTool({ name: 'statistics', arguments: { csv: 42 } })
  step('A wrong argument is refused before the function runs')
  show(`isError ${invalid.isError}: ${textOf(invalid.content[0])}`)

  const unsigned = await fetch(new URL('sse', local.mcpUrl))
  step('A request without a signature is refused before the gateway runs')
  show(`${unsigned.status} ${await unsigned.text()}`)

  await client.close()
} finally {
  await local.close()
}
step(`Done in ${((performance.now() - started) / 1000).toFixed(1)} s; nothing is left running`)

/**
 * Prints what has happened, with the time since the step before.
 *
 * @param {string} title
 */
function step(title) {
  const now = performance.now()
  process.stdout.write(`\n${title}  (${Math.round(now - last)} ms)\n`)
  last = now
}

/** @param {string} text */
function show(text) {
  process.stdout.write(`${text.replace(/^/gm, '    ')}\n`)
}

/** @param {object | undefined} content of a resource, a prompt or a tool's result */
function textOf(content) {
  return content && 'text' in content ? String(content.text) : ''
}
