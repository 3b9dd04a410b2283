import type { Finding } from '../deploy/doctor.ts'
import { defineCommand, printJson, UsageError } from './command.ts'
import { STACK_OPTIONS } from './stack-options.ts'

const { profile, json } = STACK_OPTIONS

export const doctorCommand = defineCommand({
  name: 'doctor',
  summary: 'find out why a gateway cannot be used',
  usage: '<url> [options]',
  help: `Checks what a call to the gateway needs, one step after the other: credentials, network, clock,
signature, permission, health, a call. With the registration URL it also checks an invoke permission,
which it adds if it is missing. At the first problem it stops, says what to do, and exits with 1. It
warns of an account that runs few functions at the same time.`,
  argument: 'URL',
  options: {
    region: {
      type: 'string',
      value: '<region>',
      help: 'region to sign for, if the URL does not name it',
    },
    profile,
    json,
  },
  async run({ region, profile, json }, url) {
    if (!url) throw new UsageError('doctor takes a URL: the McpUrl or RegistrationUrl of the stack')
    const { diagnose } = await import('../deploy/doctor.ts')
    const findings: Finding[] = []
    for await (const finding of diagnose({ url, region, profile })) {
      findings.push(finding)
      // For a program they are progress.
      if (json) console.error(findingText(finding))
      else console.log(findingText(finding))
    }
    const ok = findings.every(it => resultOf(it) !== 'problem')
    if (json) printJson({ ok, findings: findings.map(toJson) })
    return ok ? 0 : 1
  },
})

const resultOf = ({ hint, isWarning }: Finding) => (isWarning ? 'warning' : hint ? 'problem' : 'ok')

const MARKS = { ok: 'ok   ', warning: 'WARN ', problem: 'WRONG' }

function findingText(finding: Finding): string {
  const { step, message, hint } = finding
  const line = `${MARKS[resultOf(finding)]}  ${step.padEnd(11)}  ${message}`
  return hint ? `${line}\n\n${hint}` : line
}

const toJson = (finding: Finding) => {
  const { step, message, hint } = finding
  return { step, result: resultOf(finding), message, hint }
}
