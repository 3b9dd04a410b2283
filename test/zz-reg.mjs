import { createAdminClient } from '@markvp/mcp-lambda-sam-admin-client'
import { execFileSync } from 'node:child_process'
import { signedFetch } from '@markvp/mcp-lambda-sam-client/sigv4'
const f = signedFetch({ region: 'us-east-1', credentials: { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' } })
const arn = n => `arn:aws:lambda:us-east-1:000000000000:function:${n}`
const post = async b => console.log((await f('http://127.0.0.1:9701/register', { method: 'POST', headers: { 'content-type': 'application/json' }, body: typeof b === 'string' ? b : JSON.stringify(b) })).status)
for (const n of ['order', 'primes']) await post(execFileSync(process.execPath, ['packages/server/bin/mcp-lambda-sam.js', 'describe', `test/zz-fns/${n}.mjs`, '--arn', arn(n)], { encoding: 'utf8' }))
await post({ type: 'tool', name: 'media', description: 'Draws a chart, and has a description that is much longer than what a terminal of eighty columns has room for in one line', lambdaArn: arn('media'), parameters: { label: 'string?', fail: 'boolean?' } })
await post({ type: 'tool', name: 'data', description: 'Structured output', lambdaArn: arn('data'), inputSchema: { type: 'object', properties: { n: { type: 'integer' }, region: { type: 'string', 'x-mcp-header': 'Region' } }, required: ['n'] } })
await post({ type: 'resource', name: 'note', description: 'A note', lambdaArn: arn('data'), uriTemplate: 'notes://{id}', mimeType: 'application/json' })
await post({ type: 'resource', name: 'today', description: 'The note of the day', lambdaArn: arn('data'), uri: 'notes://today', mimeType: 'application/json' })
await post({ type: 'prompt', name: 'review', description: 'Reviews code', lambdaArn: arn('data'), arguments: [{ name: 'code', required: true }, { name: 'style' }] })
