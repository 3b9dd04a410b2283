// Tools that change registrations. On AWS a function needs a role that may call the registration
// URL.

import { readFile } from 'node:fs/promises'

import { createAdminClient } from '@markvp/mcp-lambda-sam-admin-client'

// On AWS the URL would be in the environment of the function, and the credentials those of its
// role.
const options = JSON.parse(
  await readFile(new URL('../../../.cache/conformance/gateway.json', import.meta.url), 'utf8'),
)
const admin = createAdminClient(options)

/**
 * The registration that each tool changes.
 *
 * @type {Record<string, string>}
 */
const changes = {
  test_trigger_tool_change: 'tool-test_simple_text',
  test_trigger_prompt_change: 'prompt-test_simple_prompt',
}

/**
 * @param {object} _args
 * @param {{ clientContext: { custom: { mcp: { name: string } } } }} context
 */
export async function handler(_args, { clientContext }) {
  const registration = await admin.get(changes[clientContext.custom.mcp.name] ?? '')
  const { version } = await admin.update(registration.id, {
    ...registration,
    title: `Changed ${registration.version} times`,
  })
  return `${registration.id} now has version ${version}.`
}
