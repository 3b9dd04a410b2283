// Imports a built function, and prints the names of the files in its folder that this has loaded.
import { Session } from 'node:inspector'

const [folder = ''] = process.argv.slice(2)
Object.assign(process.env, {
  REGISTRATION_TABLE: 'registrations',
  SESSION_TABLE: 'sessions',
  MCP_ROLE_ARN: 'arn:aws:iam::000000000000:role/mcp',
  OWN_FUNCTIONS: 'arn:aws:lambda:us-east-1:000000000000:function:mcp',
  GRANT_CONDITION: 'principal',
  AWS_LAMBDA_FUNCTION_NAME: 'mcp',
  AWS_REGION: 'us-east-1',
  AWS_ACCESS_KEY_ID: 'none',
  AWS_SECRET_ACCESS_KEY: 'none',
  // Nothing listens there.
  AWS_ENDPOINT_URL_DYNAMODB: 'http://127.0.0.1:9',
})
const streamifyResponse = (/** @type {unknown} */ handler) => handler
Object.assign(globalThis, { awslambda: { streamifyResponse, HttpResponseStream: {} } })

/** @type {Set<string>} */
const loaded = new Set()
const session = new Session()
session.connect()
session.on('Debugger.scriptParsed', ({ params }) => {
  if (params.url.startsWith(folder)) loaded.add(params.url.slice(folder.length))
})
session.post('Debugger.enable')
await import(`${folder}index.mjs`)
process.stdout.write(JSON.stringify([...loaded]))
process.exit()
