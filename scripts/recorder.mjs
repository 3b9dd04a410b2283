// Compares the rights of the template's two roles with the calls that their functions make. moto
// imitates the APIs of AWS and records the calls. Without Python the tests are skipped. The last
// line is "recorder: N passed, N failed, N skipped".
import { runTests, skipTests } from './counted-tests.mjs'
import { python } from './python.mjs'

const { path, reason } = python()
if (reason === undefined)
  runTests('recorder', ['test/oracles/recorder.test.ts'], { MOTO_PYTHON: path })
else skipTests('recorder', 'the comparison of rights and calls', reason)
