import { expect, test } from 'vitest'

import { createOriginCheck } from '../../src/http/origin.ts'

const ALLOWED = [
  'https://app.example',
  'http://dev.example:5173',
  'HTTPS://Shop.Example:443/',
  'vscode-webview://abc',
  'plain.example',
  'port.example:8080',
]

function isRefused(
  origin: string | undefined,
  url = 'https://abc.lambda-url.eu-west-1.on.aws/mcp',
) {
  const request = new Request(url, origin === undefined ? {} : { headers: { origin } })
  try {
    createOriginCheck(ALLOWED)(request)
    return false
  } catch (error) {
    expect(error).toMatchObject({
      code: 'access_denied',
      message: expect.stringContaining('AllowedOrigins'),
    })
    return true
  }
}

test.each([
  undefined,
  'https://app.example',
  'https://app.example:443',
  'http://dev.example:5173',
  'https://shop.example',
  'vscode-webview://abc',
  // A host without a scheme stands for both schemes, and for every port where it has none.
  'http://plain.example',
  'https://plain.example:8443',
  'http://port.example:8080',
  'https://abc.lambda-url.eu-west-1.on.aws',
])('a request with the origin %s is served', origin => {
  expect(isRefused(origin)).toBe(false)
})

test.each([
  'http://app.example',
  'https://app.example:8443',
  'https://app.example.evil.example',
  'https://evil-app.example',
  'http://dev.example',
  'https://dev.example:5173',
  'http://port.example:8081',
  'vscode-webview://other',
  'chrome-extension://plain.example',
  'http://abc.lambda-url.eu-west-1.on.aws',
  'https://abc.lambda-url.eu-west-1.on.aws:8443',
  'https://xyz.lambda-url.eu-west-1.on.aws',
  'null',
  'app.example',
  'nonsense',
])('a request with the origin %s is refused', origin => {
  expect(isRefused(origin)).toBe(true)
})

test('the page of the local gateway is its own only with the same port', () => {
  const url = 'https://127.0.0.1:9000/mcp'
  expect(isRefused('http://127.0.0.1:9000', url)).toBe(false)
  expect(isRefused('http://127.0.0.1:9001', url)).toBe(true)
})
