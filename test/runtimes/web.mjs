// What a page or a Worker does: it calls a tool on both transports, without Node's modules.
import { SigV4SseTransport, SigV4StreamableHttpTransport } from '@markvp/mcp-lambda-sam-client'
import { Client } from '@modelcontextprotocol/client'

/**
 * Resolves with the texts of the two results.
 *
 * @param {string} url
 * @param {string} region
 * @param {{ accessKeyId: string, secretAccessKey: string }} credentials
 */
export async function callTools(url, region, credentials) {
  const texts = []
  for (const Transport of [SigV4StreamableHttpTransport, SigV4SseTransport]) {
    const client = new Client({ name: 'web', version: '1.0.0' })
    await client.connect(new Transport(url, { region, credentials }))
    const { content } = await client.callTool({ name: 'hello', arguments: { name: 'world' } })
    texts.push(JSON.stringify(content))
    await client.close()
  }
  return texts.join(' ')
}
