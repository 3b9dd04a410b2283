import { hostConfigs } from '@markvp/mcp-lambda-sam-client/host-configs'

import { type SigningTarget, shellLines } from '../shell-lines.ts'
import type { Connection } from './messages.ts'

export interface ConnectionTarget extends SigningTarget {
  mcpUrl: string
}

/** How clients connect to the local gateway: texts to copy. */
export function connections(target: ConnectionTarget): Connection[] {
  const { mcpUrl } = target
  const bridge = 'npx -y @markvp/mcp-lambda-sam-client'
  return [
    { title: 'The terminal', place: 'In a shell', text: `${bridge} list ${mcpUrl}` },
    ...hostConfigs(mcpUrl),
    {
      title: 'A client that speaks HTTP and cannot sign',
      place: 'In a shell: it prints the endpoint and the header to send',
      text: `${bridge} --http 8808 ${mcpUrl}`,
    },
    {
      title: 'Your own program',
      place: 'In TypeScript or JavaScript, with @modelcontextprotocol/client',
      text: program(target),
    },
    {
      title: 'A program that signs with the AWS default chain',
      place: 'In the shell that starts it',
      text: shellLines(target).join('\n'),
    },
  ]
}

const program = ({ mcpUrl, region, credentials }: ConnectionTarget) =>
  `import { connect } from '@markvp/mcp-lambda-sam-client'
import { Client } from '@modelcontextprotocol/client'

const client = new Client({ name: 'my-program', version: '1.0.0' })
await connect(client, '${mcpUrl}', {
  region: '${region}',
  credentials: {
    accessKeyId: '${credentials.accessKeyId}',
    secretAccessKey: '${credentials.secretAccessKey}',
  },
})
console.log(await client.listTools())
await client.close()`
