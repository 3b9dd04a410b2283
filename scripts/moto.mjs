// Runs the tests that deploy to moto, which imitates the APIs of AWS, with the real commands and
// the built functions. Without Python they are skipped. The last line is "moto: N passed,
// N failed, N skipped".
import { runTests, skipTests } from './counted-tests.mjs'
import { python } from './python.mjs'

const { path, reason } = python()
if (reason === undefined)
  runTests('moto', ['packages/server/test/deploy/moto.test.ts'], { MOTO_PYTHON: path })
else skipTests('moto', 'the tests against moto', reason)
