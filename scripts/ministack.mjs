// Deploys to ministack, which imitates the APIs of AWS and enforces IAM, with the real commands
// and the built functions. Without Python the tests are skipped. The last line is "ministack: N
// passed, N failed, N skipped".
import { runTests, skipTests } from './counted-tests.mjs'
import { python } from './python.mjs'

const { path, reason } = python({ packages: 'ministack-requirements.txt', folder: 'ministack' })
if (reason === undefined)
  runTests('ministack', ['test/oracles/ministack.test.ts'], { MINISTACK_PYTHON: path })
else skipTests('ministack', 'the tests against ministack', reason)
