import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { BARE } from '../../packages/server/test/deploy/command.ts'
import { freePort } from '../../packages/server/test/deploy/free-port.ts'
import { until } from '../support/gateway.ts'

const beside = (name: string) => fileURLToPath(new URL(name, import.meta.url))

/** The owner of the account in ministack, who may do everything. */
export const OWNER = { accessKeyId: 'AKIAMINISTACKOWNER00', secretAccessKey: 'ministack-owner' }

/**
 * The APIs of AWS that ministack has, on loopback. It verifies signatures and enforces IAM. It runs
 * functions with the `node` of the path.
 */
export async function startMinistack(python: string) {
  const port = await freePort()
  const folder = mkdtempSync(join(tmpdir(), 'mcp-lambda-sam-ministack-'))
  const child = spawn(python, [beside('start_ministack.py')], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...BARE,
      TMPDIR: folder,
      NODE_OPTIONS: `--import=${new URL('response-address.mjs', import.meta.url)}`,
      BIND_HOST: '127.0.0.1',
      GATEWAY_PORT: String(port),
      AUTH: 'true',
      AWS_ACCESS_KEY_ID: OWNER.accessKeyId,
      AWS_SECRET_ACCESS_KEY: OWNER.secretAccessKey,
      // Otherwise it opens more ports.
      IOT_MTLS_ENABLED: '0',
      SFTP_ENABLED: '0',
    },
  })
  let log = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', chunk => {
      log = `${log}${chunk}`.slice(-20_000)
    })
  const ended = once(child, 'close')
  const endpoint = `http://127.0.0.1:${port}`
  await until(
    async () => {
      if (child.exitCode !== null) throw new Error(`ministack did not start: ${log}`)
      return fetch(`${endpoint}/_ministack/ready`).then(
        it => it.ok,
        () => false,
      )
    },
    'ministack',
    60_000,
  )
  return {
    endpoint,
    log: () => log,
    async close() {
      child.kill('SIGTERM')
      await ended
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
