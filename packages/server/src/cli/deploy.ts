import type { Reservation } from '../deploy/concurrency.ts'
import type { Deployment, DeployOptions, Progress } from '../deploy/deploy.ts'
import { placeOptions } from '../deploy/place.ts'
import { defineCommand, printResult, UsageError } from './command.ts'
import { bundleLine, changesText, eventLine } from './render.ts'
import { STACK_OPTIONS, stackOf } from './stack-options.ts'
import { interruptible, isInteractive, NO_QUESTIONS, NO_TERMINAL } from './terminal.ts'

export const deployCommand = defineCommand({
  name: 'deploy',
  summary: 'create the gateway in an AWS account, or update it',
  usage: '[options]',
  help: `Creates the gateway in an AWS account, or updates it: shows the changes that CloudFormation will
make, asks for confirmation, uploads the code and follows the deployment to its end. On a terminal
it asks for the settings that no option gives. It needs neither the SAM CLI nor the AWS CLI.`,
  options: {
    yes: { type: 'boolean', help: 'ask no questions and deploy; for pipelines' },
    'dry-run': { type: 'boolean', help: 'show the changes; upload nothing and change nothing' },
    vpc: {
      type: 'string',
      value: '<id>',
      help: 'attach the functions to this VPC; needs --subnets. The AWS Lambda guide says that\nFunction URLs do not stream from within a VPC',
    },
    subnets: { type: 'string', value: '<id,id>', help: 'subnets of that VPC' },
    'no-vpc': { type: 'boolean', help: 'detach the functions from their VPC' },
    parameter: {
      type: 'string',
      multiple: true,
      value: '<Name=value>',
      help: 'parameter of the template; can be repeated. Others keep their values',
    },
    bucket: {
      type: 'string',
      value: '<name>',
      help: 'bucket for the code (default: mcp-lambda-sam-<account>-<region>,\nwhich is created if it is missing)',
    },
    'replace-failed': {
      type: 'boolean',
      help: 'delete a stack whose creation failed, then create it again',
    },
    ...STACK_OPTIONS,
  },
  async run(flags) {
    const asking = !flags.yes && !flags.json && isInteractive()
    if (!asking && !flags.yes && !flags['dry-run'])
      throw new UsageError(
        `${flags.json ? NO_QUESTIONS : NO_TERMINAL}: give --yes to deploy, or --dry-run to see the changes.`,
      )
    const given: DeployOptions = {
      ...stackOf(flags),
      parameters: { ...networkParameters(flags), ...parametersOf(flags.parameter ?? []) },
    }
    const [{ askFor, confirm }, { deploy }] = await Promise.all([
      import('./prompts.ts'),
      import('../deploy/deploy.ts'),
    ])
    const asked = asking ? await askFor(given) : given

    const deployment = await interruptible(signal =>
      deploy({
        ...asked,
        bucket: flags.bucket,
        dryRun: flags['dry-run'] ?? false,
        replaceFailed: flags['replace-failed'] ?? false,
        signal,
        onProgress: progress => console.error(progressText(progress)),
        async reserve(reservation) {
          console.error(reservationText(reservation))
          return !asking || confirm(`Reserve ${reservation.reserved}?`, { initialValue: true })
        },
        ...(asking && { confirm: () => confirm('Deploy these changes?') }),
      }),
    )
    printResult(flags, deployment, () => resultText(deployment, asked.profile))
    return deployment.status === 'declined' ? 1 : 0
  },
})

function networkParameters(flags: {
  vpc?: string
  subnets?: string
  'no-vpc'?: boolean
}): Record<string, string> {
  const { vpc, subnets } = flags
  if (flags['no-vpc']) {
    if (vpc || subnets)
      throw new UsageError('--no-vpc cannot be combined with --vpc or with --subnets')
    return { VpcEnabled: 'false', VpcId: '', SubnetIds: '' }
  }
  if (!vpc && !subnets) return {}
  if (!vpc || !subnets) throw new UsageError('--vpc and --subnets must be given together')
  if (!/^vpc-[0-9a-f]+$/.test(vpc)) throw new UsageError(`--vpc takes an id, not "${vpc}"`)
  const ids = subnets.split(',').map(id => id.trim())
  for (const id of ids)
    if (!/^subnet-[0-9a-f]+$/.test(id))
      throw new UsageError(`--subnets takes ids separated by commas, and "${id}" is not an id`)
  return { VpcEnabled: 'true', VpcId: vpc, SubnetIds: ids.join(',') }
}

function parametersOf(pairs: string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map(pair => {
      const [name = '', ...value] = pair.split('=')
      if (!/^[A-Za-z0-9]+$/.test(name) || !pair.includes('='))
        // The message does not repeat the value, which may be a secret.
        throw new UsageError('--parameter takes Name=value')
      return [name, value.join('=')]
    }),
  )
}

function reservationText({ reserved, limit, unreserved }: Reservation): string {
  return `Concurrency: this account runs ${limit} functions at the same time in this region, ${unreserved} of them
without a reservation. A reservation of ${reserved} for the mcp function is also its limit: ${reserved} streams and
requests at the same time, and ${reserved * 10} requests per second. Without one, its streams can take what
the other functions of the account need. --parameter ReservedConcurrency=0 reserves nothing.`
}

function progressText(progress: Progress): string {
  if (progress.type === 'bundle') return bundleLine(progress)
  if (progress.type === 'account')
    return `Account ${progress.accountId}, ${progress.region}, as ${progress.callerArn}\nBucket ${progress.bucket}`
  if (progress.type === 'attached')
    return `The stack is being changed (${progress.status}). Watching it; your deployment follows`
  if (progress.type === 'warning') return `Warning: ${progress.message}.\n${progress.hint}`
  if (progress.type === 'changes') return changesText(progress.changes)
  if (progress.type === 'upload')
    return `${progress.uploaded ? 'Uploaded' : 'Already uploaded:'} s3://${progress.bucket}/${progress.key}`
  return eventLine(progress.event)
}

function resultText(
  { status, stackName, region, outputs }: Deployment,
  profile: string | undefined,
): string {
  const place = `${stackName} in ${region}`
  if (status === 'planned') return `Dry run: nothing was changed in ${place}.`
  if (status === 'declined') return `Nothing was changed in ${place}.`
  const where = placeOptions({ stackName, region, profile })
  const signer = placeOptions({ region, profile })
  return `${RESULTS[status]} ${place}.

MCP endpoint           ${outputs['McpUrl']}
Registration endpoint  ${outputs['RegistrationUrl']}

Next
  check     npx @markvp/mcp-lambda-sam doctor ${outputs['McpUrl']} ${signer}
  allow     npx @markvp/mcp-lambda-sam grant --as client --to <role ARN> ${where}
  register  ${DOCS}/registering.md, with the registration endpoint above
  connect   ${DOCS}/application-developers.md, with the MCP endpoint above`
}

const DOCS = 'https://github.com/markvp/mcp-lambda-sam/blob/main/docs'

const RESULTS = { created: 'Created', updated: 'Updated', unchanged: 'No changes:' } as const
