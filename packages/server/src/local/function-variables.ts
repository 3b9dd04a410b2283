/**
 * The variables that a function of the developer gets from the environment of the gateway. Others
 * do not pass: what works here must also work on Lambda, where they are not set.
 */
export function passedVariables(): Record<string, string> {
  const passed: Record<string, string> = {}
  for (const [name, value] of Object.entries(process.env))
    if (value !== undefined && PASSED.test(name)) passed[name] = value
  if (PROXIES.some(name => passed[name] ?? passed[name.toLowerCase()])) {
    // Loopback must not go through a proxy: there are the emulators of the developer.
    const direct = [passed['NO_PROXY'] ?? passed['no_proxy'], '127.0.0.1', 'localhost']
    passed['NO_PROXY'] = passed['no_proxy'] = direct.filter(Boolean).join(',')
  }
  return {
    ...passed,
    // The warning is about the Node version of this machine. Lambda has its own.
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
  }
}

const PROXIES = ['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY']

/** Names of folders, proxies, certificates, and what a debugger or a loader of Node needs. */
const PASSED =
  /^(HOME|USERPROFILE|APPDATA|LOCALAPPDATA|TMPDIR|TMP|TEMP|(https?|all|no)_proxy|NODE_OPTIONS|NODE_USE_ENV_PROXY|NODE_EXTRA_CA_CERTS|VSCODE_INSPECTOR_OPTIONS|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|VIRTUAL_ENV)$/i

/** With source maps, a stack points into the TypeScript. */
export const nodeOptions = (options = '') =>
  options.includes('--enable-source-maps') ? options : `--enable-source-maps ${options}`.trim()
