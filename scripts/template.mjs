// Asks AWS's own tools about template.yaml: cfn-lint, the SAM translator, and what comes out of that. They are
// Python; where that is not to be had, this says so and fails nobody. Ends with "template: N passed, N failed,
// N skipped", and 1 if any failed. What SAM makes of the template is left in .cache/translated.json.
import { spawnSync } from 'node:child_process'

import { python } from './python.mjs'

const { path, reason } = python()
if (path) {
  const args = ['-B', 'scripts/template/check.py', 'template.yaml', '.cache/translated.json']
  process.exitCode = spawnSync(path, args, { stdio: 'inherit' }).status ?? 1
} else {
  process.stdout.write(`SKIPPED the checks of AWS's own tools: ${reason}\n`)
  process.stdout.write('template: 0 passed, 0 failed, 1 skipped\n')
}
