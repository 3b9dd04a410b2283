// Runs test/runtimes/web.mjs in a browser and in workerd.
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createServer, request as send } from 'node:http'
import { join } from 'node:path'
import { build } from 'esbuild'

/** @typedef {{ url: string, region: string, credentials: object }} Gateway */

/**
 * Bundles a script as a user would, from a folder with the installed packages.
 *
 * @param {string} folder
 * @param {string} contents
 * @param {import('esbuild').BuildOptions} options
 */
async function bundle(folder, contents, options) {
  const { outputFiles } = await build({
    ...options,
    stdin: { contents, resolveDir: folder },
    bundle: true,
    write: false,
    format: 'esm',
    logLevel: 'silent',
  })
  return outputFiles?.[0]?.text ?? ''
}

/**
 * Opens a page in headless Chromium. The page calls the tools and sends the result back. Requests
 * of the page go through the server of the page, which changes nothing: the gateway verifies them.
 *
 * @param {string} program
 * @param {string} folder with the installed packages and web.mjs
 * @param {Gateway} gateway
 * @returns {Promise<string>}
 */
export async function inChromium(program, folder, { url, region, credentials }) {
  const script = await bundle(
    folder,
    `import { callTools } from './web.mjs'
    callTools(location.origin, ${JSON.stringify(region)}, ${JSON.stringify(credentials)})
      .catch(error => String(error.stack))
      .then(body => fetch('/result', { method: 'POST', body }))`,
    { platform: 'browser' },
  )
  /** @type {(text: string) => void} */
  let onResult = () => {}
  const result = new Promise(resolve => {
    onResult = resolve
  })
  const server = createServer(async (request, response) => {
    if (request.url === '/') {
      response.setHeader('content-type', 'text/html')
      response.end(`<script type="module">${script.replaceAll('</script', '<\\/script')}</script>`)
    } else if (request.url === '/result') {
      let text = ''
      for await (const chunk of request) text += chunk
      response.end()
      onResult(text)
    } else {
      const { method, headers } = request
      const outgoing = send(new URL(request.url ?? '/', url), { method, headers }, answer => {
        response.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(response)
      })
      outgoing.on('error', () => response.destroy())
      response.on('close', () => outgoing.destroy())
      request.pipe(outgoing)
    }
  })
  await new Promise(resolve => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  const address = /** @type {import('node:net').AddressInfo} */ (server.address())
  const browser = spawn(
    program,
    [
      ...['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run'],
      ...[`--user-data-dir=${join(folder, 'chromium')}`, `http://127.0.0.1:${address.port}/`],
    ],
    { stdio: 'ignore' },
  )
  try {
    return await Promise.race([result, failure(browser, 'Chromium')])
  } finally {
    browser.kill('SIGKILL')
    server.close()
    server.closeAllConnections()
  }
}

/**
 * Serves a Worker with workerd and sends it one request.
 *
 * @param {string} program
 * @param {string} folder
 * @param {Gateway} gateway
 * @param {number} port
 * @returns {Promise<string>}
 */
export async function inWorkerd(program, folder, { url, region, credentials }, port) {
  const script = await bundle(
    folder,
    `import { callTools } from './web.mjs'
    export default {
      async fetch() {
        const [url, region, credentials] = ${JSON.stringify([url, region, credentials])}
        return new Response(await callTools(url, region, credentials).catch(error => String(error.stack)))
      },
    }`,
    { conditions: ['workerd'] },
  )
  writeFileSync(join(folder, 'worker.js'), script)
  writeFileSync(
    join(folder, 'config.capnp'),
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "worker.js", esModule = embed "worker.js")],
      compatibilityDate = "2026-01-01",
    )),
    (name = "internet", network = (allow = ["private"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
);
`,
  )
  const workerd = spawn(program, ['serve', 'config.capnp'], { cwd: folder, stdio: 'inherit' })
  try {
    return await Promise.race([ask(`http://127.0.0.1:${port}/`), failure(workerd, 'workerd')])
  } finally {
    workerd.kill('SIGKILL')
  }
}

/**
 * Asks until the server listens.
 *
 * @param {string} url
 */
async function ask(url) {
  for (;;) {
    const response = await fetch(url).catch(() => undefined)
    if (response) return response.text()
    await new Promise(resolve => setTimeout(resolve, 100))
  }
}

/**
 * @param {import('node:child_process').ChildProcess} child
 * @param {string} name
 * @returns {Promise<never>}
 */
function failure(child, name) {
  return new Promise((_, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => reject(new Error(`${name} ended: ${code ?? signal}`)))
    setTimeout(() => reject(new Error(`${name} gave no result in two minutes`)), 120_000).unref()
  })
}
