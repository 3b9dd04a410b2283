// Drives a headless Chromium with its DevTools protocol, over pipes: no package, no port.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'

/** Far above what a busy machine needs. */
const TIMEOUT_MS = 60_000

/** @typedef {Record<string, unknown>} Json */
/** @typedef {{ resolve: (result: any) => void, reject: (error: Error) => void }} Waiting */

/**
 * Opens a page. `send` takes commands of https://chromedevtools.github.io/devtools-protocol/.
 *
 * @param {string} program
 */
export async function openBrowser(program) {
  const folder = mkdtempSync(join(tmpdir(), 'mcp-lambda-sam-chromium-'))
  const child = spawn(
    program,
    [
      ...['--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run'],
      ...['--disable-dev-shm-usage', '--hide-scrollbars', '--force-color-profile=srgb'],
      ...['--remote-debugging-pipe', `--user-data-dir=${folder}`, 'about:blank'],
    ],
    { stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'] },
  )
  let log = ''
  child.stderr?.on('data', chunk => {
    log = (log + chunk).slice(-4_000)
  })
  /** @type {Map<number, Waiting>} */
  const waiting = new Map()
  /** @type {string[]} */
  const problems = []
  const [, , , input, output] = /** @type {any} */ (child.stdio)
  let text = ''
  output.setEncoding('utf8').on('data', (/** @type {string} */ chunk) => {
    const messages = (text + chunk).split('\0')
    text = messages.pop() ?? ''
    for (const it of messages) receive(JSON.parse(it))
  })
  const ended = new Promise(resolve => child.once('exit', resolve))
  void ended.then(() => {
    for (const { reject } of waiting.values()) reject(new Error(`Chromium ended: ${log}`))
  })
  let count = 0

  const { targetInfos } = await command('Target.getTargets')
  const page = targetInfos.find((/** @type {Json} */ it) => it['type'] === 'page')
  const { targetId } = page ?? (await command('Target.createTarget', { url: 'about:blank' }))
  const { sessionId } = await command('Target.attachToTarget', { targetId, flatten: true })
  /** @type {(method: string, params?: Json) => Promise<any>} */
  const send = (method, params) => command(method, params, sessionId)
  await send('Runtime.enable')
  await send('Log.enable')
  await send('Page.enable')

  return { send, evaluate, until, press, type, screenshot, problems, close }

  /** @param {any} message */
  function receive({ id, result, error, method, params }) {
    if (method === 'Runtime.exceptionThrown')
      problems.push(JSON.stringify(params.exceptionDetails).slice(0, 500))
    if (method === 'Log.entryAdded' && params.entry.level === 'error')
      problems.push(`${params.entry.text} ${params.entry.url ?? ''}`)
    const found = waiting.get(id)
    waiting.delete(id)
    if (error) found?.reject(new Error(`${error.message} ${error.data ?? ''}`))
    else found?.resolve(result)
  }

  /**
   * @param {string} method
   * @param {Json} [params]
   * @param {string} [session]
   * @returns {Promise<any>}
   */
  function command(method, params = {}, session) {
    const id = ++count
    const it = { id, method, params, ...(session && { sessionId: session }) }
    return new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject })
      input.write(`${JSON.stringify(it)}\0`)
    })
  }

  /**
   * The value of an expression in the page.
   *
   * @param {string} expression
   */
  async function evaluate(expression) {
    const given = { expression, returnByValue: true, awaitPromise: true }
    const { result, exceptionDetails } = await send('Runtime.evaluate', given)
    if (exceptionDetails)
      throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text)
    return result.value
  }

  /**
   * Waits until an expression is truthy, and returns its value.
   *
   * @param {string} expression
   */
  async function until(expression) {
    const end = Date.now() + TIMEOUT_MS
    for (;;) {
      const value = await evaluate(expression)
      if (value) return value
      if (Date.now() > end)
        throw new Error(
          `Never true: ${expression}\n${await evaluate('document.body.innerText')}`.slice(0, 3_000),
        )
      await setTimeout(50)
    }
  }

  /**
   * Presses a key, such as `Tab` or `Enter`.
   *
   * @param {keyof typeof KEYS} key
   * @param {{ shift?: boolean, control?: boolean }} [modifiers]
   */
  async function press(key, { shift = false, control = false } = {}) {
    const [code, number, character] = KEYS[key]
    const common = {
      ...{ key, code, windowsVirtualKeyCode: number },
      modifiers: (shift ? 8 : 0) + (control ? 2 : 0),
    }
    const down = { type: 'keyDown', ...common, ...(character && { text: character }) }
    await send('Input.dispatchKeyEvent', down)
    await send('Input.dispatchKeyEvent', { type: 'keyUp', ...common })
  }

  /** @param {string} value goes to the element that has the focus */
  async function type(value) {
    await send('Input.insertText', { text: value })
  }

  /** The bytes of a PNG of the window. */
  async function screenshot() {
    const { data } = await send('Page.captureScreenshot', { format: 'png' })
    return Buffer.from(data, 'base64')
  }

  async function close() {
    child.kill('SIGKILL')
    await ended
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}

/** Name: code, virtual key code, and the text that it makes. */
const KEYS = {
  Tab: ['Tab', 9, ''],
  Enter: ['Enter', 13, '\r'],
  Escape: ['Escape', 27, ''],
  ' ': ['Space', 32, ' '],
  ArrowDown: ['ArrowDown', 40, ''],
}
