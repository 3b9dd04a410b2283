// Runs the tests of local functions in Python, with and without AWS's own runtime client, and with
// the AWS SDK for Python. Without Python they are skipped. The last line is
// "python-functions: N passed, N failed, N skipped".
import { runTests, skipTests } from './counted-tests.mjs'
import { python } from './python.mjs'

const { path, reason } = python({
  packages: 'python-functions-requirements.txt',
  folder: 'py-functions',
})
if (reason === undefined)
  runTests('python-functions', ['packages/server/test/local/python-functions.test.ts'], {
    FUNCTIONS_PYTHON: path,
  })
else skipTests('python-functions', 'the tests of functions in Python', reason)
