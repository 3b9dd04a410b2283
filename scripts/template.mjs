// Checks template.yaml with AWS's own tools: cfn-lint and the SAM translator. They are written in
// Python. Without Python the checks are skipped. The last line is "template: N passed, N failed,
// N skipped", and the exit code is 1 when a check fails. The translated template is written to
// .cache/translated.json, and the template for the Serverless Application Repository to
// .cache/sar.yaml.
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'

import { python } from './python.mjs'
import { sarTemplate } from './sar-template.mjs'

const { path, reason } = python()
if (path) {
  writeFileSync('.cache/sar.yaml', sarTemplate(readFileSync('template.yaml', 'utf8'), '..'))
  const files = ['template.yaml', '.cache/sar.yaml', '.cache/translated.json']
  const args = ['-B', 'scripts/template/check.py', ...files]
  process.exitCode = spawnSync(path, args, { stdio: 'inherit' }).status ?? 1
} else {
  process.stdout.write(`SKIPPED the checks by AWS's own tools: ${reason}\n`)
  process.stdout.write('template: 0 passed, 0 failed, 1 skipped\n')
}
