// Drives the stdio bridge with the Python SDK of MCP. Without Python the test is skipped. The last
// line is "python-host: N passed, N failed, N skipped".
import { runTests, skipTests } from './counted-tests.mjs'
import { python } from './python.mjs'

const { path, reason } = python({ packages: 'bridge-requirements.txt', folder: 'bridge' })
if (reason === undefined)
  runTests('python-host', ['test/oracles/python-host.test.ts'], { PYTHON_HOST: path })
else skipTests('python-host', 'the bridge with the Python SDK', reason)
