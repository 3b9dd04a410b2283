import { defineCommand, UsageError } from './command.ts'

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
    profile: { type: 'string', value: '<name>', help: 'a profile of the AWS configuration files' },
  },
  async run({ region, profile }, url) {
    if (!url) throw new UsageError('doctor takes a URL: the McpUrl or RegistrationUrl of the stack')
    const { diagnose } = await import('../deploy/doctor.ts')
    for await (const { step, message, hint, isWarning } of diagnose({ url, region, profile })) {
      const mark = isWarning ? 'WARN ' : hint ? 'WRONG' : 'ok   '
      console.log(`${mark}  ${step.padEnd(11)}  ${message}`)
      if (!hint) continue
      console.log(`\n${hint}`)
      if (!isWarning) return 1
    }
    return 0
  },
})
