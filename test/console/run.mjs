// Drives the console of the local gateway in headless Chromium. Without Chromium the checks are
// skipped. The last line is "console: N passed, N failed, N skipped". With --shots FOLDER it keeps
// pictures of the pages.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startLocal } from '@markvp/mcp-lambda-sam/local'
import { createAdminClient } from '@markvp/mcp-lambda-sam-admin-client'

import { chromium } from '../runtimes/programs.mjs'
import { openBrowser } from './chromium.mjs'

const counts = { passed: 0, failed: 0, skipped: 0 }
const shots = process.argv[process.argv.indexOf('--shots') + 1] ?? ''
const keepsShots = process.argv.includes('--shots')
if (keepsShots) mkdirSync(shots, { recursive: true })

const WIDE = { width: 1200, height: 900 }
const NARROW = { width: 360, height: 740 }

/** The page of each picture, and what shows that it is there. */
const PAGES = {
  registrations: '#/',
  tool: '#/tool-booking',
  long: '#/tool-a_tool_whose_name_is_as_long_as_names_of_tools_can_be_and_more',
  markup: '#/tool-hostile',
  'all-calls': '#/calls',
  lines: '#/log',
  clients: '#/connect',
}
/** @type {Record<string, string>} */
const MARKS = {
  registrations: '#list a',
  tool: '.item form',
  'all-calls': '.call',
  lines: '.line',
  clients: '.connection',
}

const program = chromium()
if (program) await drive(program)
else {
  counts.skipped++
  process.stdout.write('SKIPPED the console: Chromium is not installed: apt-get install chromium\n')
}
const { passed, failed, skipped } = counts
process.stdout.write(`console: ${passed} passed, ${failed} failed, ${skipped} skipped\n`)
process.exitCode = failed ? 1 : 0

/** @param {string} program of Chromium */
async function drive(program) {
  const local = await startLocal({
    functions: 'test/console/functions',
    register: true,
    console: { port: 0 },
    log: () => {},
  })
  const browser = await openBrowser(program)
  const { send, evaluate, until, press, type, problems } = browser
  const address = local.consoleUrl ?? ''
  const [base = ''] = address.split('#')
  let now = { theme: '', width: 0 }
  try {
    await look('light', WIDE)
    await check('drops the token from the address and lists what is registered', async () => {
      await send('Page.navigate', { url: address })
      await until(`document.querySelectorAll('#list a').length === 7`)
      expect(await evaluate('location.href'), base)
      await until(`document.querySelector('#status').textContent === 'Connected'`)
      await shoot('list')
    })

    await check('calls a tool with its form, with the keyboard alone', async () => {
      await follow(`#list a[href="#/tool-booking"]`)
      await until(`document.querySelector('#detail h2')?.textContent === 'Book a table'`)
      await shoot('form')
      await fill('restaurant', 'Sole')
      await fill('guests', '4')
      await fill('budget', '35.5')
      await reach(`document.activeElement.textContent === 'Add an entry'`)
      await press('Enter')
      await type('soup')
      await reach(`document.activeElement.matches('[type=checkbox]')`)
      await press(' ')
      await fill('email', 'a@example.com')
      await fill('extra', '{"rating": 5}')
      await shoot('filled')
      await reach(`document.activeElement.matches('button[type=submit]')`)
      await press('Enter')
    })

    await check(
      'shows progress, and the form of an elicitation, which takes the focus',
      async () => {
        await until(`document.querySelector('dialog[open] h2')?.textContent === 'booking asks'`)
        await until(`document.querySelector('.running')?.textContent.includes('1 of 3')`)
        expect(
          await evaluate(`document.querySelector('dialog').contains(document.activeElement)`),
          true,
        )
        await shoot('elicitation')
        for (const size of [WIDE, NARROW]) {
          await look('dark', size)
          await shoot('elicitation')
          expect(await evaluate('document.documentElement.scrollWidth'), size.width)
        }
        await look('light', WIDE)
      },
    )

    await check('names what is missing in the answer, and moves the focus there', async () => {
      await reach(`document.activeElement.textContent === 'Accept'`)
      await press('Enter')
      await until(`document.querySelector('dialog .error:not([hidden])')`)
      expect(await evaluate(`document.activeElement.getAttribute('aria-invalid')`), 'true')
      await shoot('elicitation-error')
    })

    await check('accepts, and shows the result with its time', async () => {
      await evaluate(`document.querySelectorAll('dialog select').forEach(it => {
        it.value = '0'
        it.dispatchEvent(new Event('input'))
      })`)
      await reach(`document.activeElement.textContent === 'Accept'`)
      await press('Enter')
      await until(`document.querySelector('.result .badge.good')`)
      const text = await evaluate(`document.querySelector('.result pre').textContent`)
      expect(JSON.parse(text), {
        booked: {
          ...{ restaurant: 'Sole', guests: 4, budget: 35.5, seating: 'window' },
          ...{ dishes: ['soup'], diets: ['vegan'], contact: { email: 'a@example.com' } },
          extra: { rating: 5 },
        },
        ...{ at: '18:00', note: null },
      })
      expect(/\d ms/.test(await evaluate(`document.querySelector('.outcome').textContent`)), true)
      expect(await evaluate(`document.querySelector('dialog').open`), false)
      await shoot('result')
    })

    await check('declines, and Escape cancels', async () => {
      for (const [action, answer] of /** @type {const} */ ([
        ['decline', () => click('dialog button', 'Decline')],
        ['cancel', () => press('Escape')],
      ])) {
        await click('.item button', 'Call')
        await until(`document.querySelector('dialog[open]')`)
        await answer()
        await until(`document.querySelector('.result pre')?.textContent.includes('${action}')`)
      }
    })

    await check(
      'shows problems of the input at their fields, before anything is called',
      async () => {
        await fill('guests', '13')
        await fill('extra', '{')
        await click('.item button', 'Call')
        await until(`document.querySelectorAll('.item .error:not([hidden])').length === 2`)
        expect(await evaluate(`document.activeElement.getAttribute('aria-invalid')`), 'true')
        await shoot('invalid')
      },
    )

    await check('shows the growing progress of a call, and cancels it', async () => {
      await follow(`#list a[href="#/tool-slow"]`)
      await click('.item button', 'Call')
      await until(`/Step [2-9]/.test(document.querySelector('.running')?.textContent)`)
      await shoot('progress')
      await click('.running button', 'Cancel')
      await until(`document.querySelector('.result .problem')?.textContent.includes('cancelled')`)
    })

    await check('reads a resource by its template, and gets a prompt', async () => {
      await follow(`#list a[href="#/resource-notes"]`)
      await fill('id', 'a b')
      await click('.item button', 'Read')
      await until(`document.querySelector('.result pre')?.textContent.includes('Note a')`)
      await shoot('resource')
      await follow(`#list a[href="#/prompt-review"]`)
      await fill('text', 'Hello')
      await click('.item button', 'Get')
      await until(
        `document.querySelector('.result pre')?.textContent === 'Review this text: Hello'`,
      )
    })

    await check('calls a plain function with JSON, and shows images', async () => {
      await follow(`#list a[href^="#/tool-a_tool"]`)
      await fill('Arguments as JSON', '{"deep": {"list": [1, 2]}}')
      await press('Enter', { control: true })
      await until(`document.querySelector('.result pre')?.textContent.includes('"deep"')`)
      await shoot('plain')
      await follow(`#list a[href="#/tool-picture"]`)
      await click('.item button', 'Call')
      await until(`document.querySelector('.result img')?.naturalWidth === 10`)
    })

    await check('shows markup of a tool as text everywhere', async () => {
      await follow(`#list a[href="#/tool-hostile"]`)
      await click('.item button', 'Call')
      await until(`document.querySelector('.result .badge.bad')`)
      await shoot('hostile')
      await follow('nav a[href="#/log"]')
      await until(`document.querySelector('#lines').textContent.includes('onerror')`)
      await shoot('log')
      expect(await evaluate(`document.querySelectorAll('#lines img, #detail img').length`), 0)
      expect(await evaluate('document.title'), 'MCP Lambda SAM · local')
    })

    await check('shows the last calls with their times', async () => {
      await follow('nav a[href="#/calls"]')
      const row = await until(`document.querySelector('.call:not([hidden])')?.innerText`)
      expect(/hostile[\s\S]*\d+ ms[\s\S]*tool error/.test(row), true)
      await evaluate(`document.querySelector('.call:not([hidden])').open = true`)
      await shoot('calls')
    })

    await check('shows how to connect, with buttons that copy', async () => {
      await send('Browser.grantPermissions', {
        permissions: ['clipboardReadWrite', 'clipboardSanitizedWrite'],
      }).catch(() => {})
      await follow('nav a[href="#/connect"]')
      await until(`document.querySelectorAll('.connection').length >= 9`)
      await click('.connection button', 'Copy')
      await until(`document.querySelector('.connection button').textContent === 'Copied'`)
      await shoot('connect')
    })

    for (const theme of /** @type {const} */ (['light', 'dark']))
      for (const size of [WIDE, NARROW])
        await check(
          `fits a window of ${size.width} pixels, with enough contrast, ${theme}`,
          async () => {
            await look(theme, size)
            for (const [name, hash] of Object.entries(PAGES)) {
              await evaluate(`location.hash = ${JSON.stringify(hash)}`)
              await until(`document.querySelector(${JSON.stringify(MARKS[name] ?? 'main')})`)
              await shoot(name)
              const width = await evaluate('document.documentElement.scrollWidth')
              if (width > size.width) throw new Error(`${name} is ${width} pixels wide`)
              const poor = await evaluate(`(${poorContrast})()`)
              if (poor.length > 0) throw new Error(`${name}: ${poor.join('\n')}`)
            }
          },
        )

    await check('shows at once what another program registers', async () => {
      const { registrationUrl: url, region, credentials } = local
      const admin = createAdminClient({ url, region, credentials })
      const lambdaArn = 'arn:aws:lambda:us-east-1:000000000000:function:picture'
      await admin.registerTool({ name: 'later', lambdaArn })
      await until(`document.querySelector('#list a[href="#/tool-later"]')`)
    })

    await check('every control has a name', async () => {
      await evaluate(`location.hash = '#/tool-booking'`)
      const { nodes } = await send('Accessibility.getFullAXTree')
      const roles = [
        'button',
        'textbox',
        'combobox',
        'checkbox',
        'link',
        'searchbox',
        'progressbar',
      ]
      const unnamed = nodes.filter(
        (/** @type {any} */ it) => roles.includes(it.role?.value) && !it.name?.value?.trim(),
      )
      expect(unnamed.length, 0)
    })

    await check('causes no error in the browser', async () => {
      expect(problems.join('\n'), '')
    })

    await check('has at most 100 KB', async () => {
      const files = ['', 'console.css', 'console.js'].map(it => fetch(`${base}${it}`))
      const texts = await Promise.all(files.map(async it => (await it).text()))
      if (texts.join('').length > 100_000) throw new Error(`${texts.join('').length} characters`)
    })

    await check('says how to get a token, where there is none', async () => {
      await evaluate('sessionStorage.clear()')
      await send('Page.reload')
      await until(`document.querySelector('#locked:not([hidden])')`)
      await shoot('locked')
      await send('Page.navigate', { url: address })
      await until(`document.querySelector('#status')?.textContent === 'Connected'`)
    })

    await check('says that the gateway has ended', async () => {
      await local.close()
      await until(`document.querySelector('#status').textContent.startsWith('Disconnected')`)
      await look('dark', NARROW)
      await shoot('disconnected')
    })
  } finally {
    await browser.close()
    await local.close()
  }

  /**
   * @param {'light' | 'dark'} theme
   * @param {{ width: number, height: number }} size
   */
  async function look(theme, size) {
    now = { theme, width: size.width }
    await send('Emulation.setDeviceMetricsOverride', {
      ...size,
      deviceScaleFactor: 1,
      mobile: false,
    })
    const features = [{ name: 'prefers-color-scheme', value: theme }]
    await send('Emulation.setEmulatedMedia', { features })
  }

  /** @param {string} name */
  async function shoot(name) {
    if (!keepsShots) return
    const file = `${name}-${now.theme}-${now.width}.png`
    writeFileSync(join(shots, file), await browser.screenshot())
  }

  /**
   * Presses Tab until an expression is true.
   *
   * @param {string} expression
   */
  async function reach(expression) {
    for (let count = 0; count < 120; count++) {
      await press('Tab')
      if (await evaluate(expression)) return
    }
    throw new Error(`Tab does not reach ${expression}`)
  }

  /**
   * Goes to a link with Tab, and opens it with Enter.
   *
   * @param {string} selector
   */
  async function follow(selector) {
    await until(`document.querySelector(${JSON.stringify(selector)})`)
    await reach(`document.activeElement.matches(${JSON.stringify(selector)})`)
    await press('Enter')
    await until(`document.querySelector(${JSON.stringify(`${selector}[aria-current]`)})`)
  }

  /**
   * Goes to a field with Tab, and replaces its text.
   *
   * @param {string} label
   * @param {string} value
   */
  async function fill(label, value) {
    const text = `document.activeElement.labels?.[0]?.firstChild.textContent`
    await reach(`${text} === ${JSON.stringify(label)}`)
    await evaluate('document.activeElement.select()')
    await type(value)
  }

  /**
   * @param {string} selector
   * @param {string} text
   */
  async function click(selector, text) {
    const found = `[...document.querySelectorAll(${JSON.stringify(selector)})].find(it => it.textContent === ${JSON.stringify(text)})`
    await until(found)
    await evaluate(`${found}.focus()`)
    await press('Enter')
  }
}

/** Runs in the page: the texts with less contrast than WCAG AA asks for, 4.5 to 1. */
function poorContrast() {
  /** @param {string} color */
  const channels = color => (color.match(/[\d.]+/g) ?? []).map(Number)
  /** @param {number[]} rgb */
  const luminance = ([r = 0, g = 0, b = 0]) => {
    const [x = 0, y = 0, z = 0] = [r, g, b].map(it => {
      const part = it / 255
      return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * x + 0.7152 * y + 0.0722 * z
  }
  /** @param {Element} element */
  const ground = element => {
    for (let it = /** @type {Element | null} */ (element); it; it = it.parentElement) {
      const color = channels(getComputedStyle(it).backgroundColor)
      if (color[3] !== 0) return color
    }
    return [255, 255, 255]
  }
  const poor = []
  for (const it of document.querySelectorAll('body *')) {
    const hasText = [...it.childNodes].some(node => node.nodeType === 3 && node.textContent?.trim())
    if (!hasText || !it.checkVisibility() || it.closest('.unseen')) continue
    const one = luminance(channels(getComputedStyle(it).color))
    const other = luminance(ground(it))
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05)
    if (ratio < 4.5) poor.push(`${ratio.toFixed(1)} ${it.outerHTML.slice(0, 120)}`)
  }
  return poor
}

/**
 * @param {unknown} actual
 * @param {unknown} expected
 */
function expect(actual, expected) {
  const [one, other] = [JSON.stringify(actual), JSON.stringify(expected)]
  if (one !== other) throw new Error(`Expected ${other}, not ${one}`)
}

/**
 * @param {string} name
 * @param {() => Promise<void>} action
 */
async function check(name, action) {
  try {
    await action()
    counts.passed++
    process.stdout.write(`ok      ${name}\n`)
  } catch (error) {
    counts.failed++
    process.stdout.write(`FAILED  ${name}\n${error instanceof Error ? error.stack : error}\n`)
  }
}
