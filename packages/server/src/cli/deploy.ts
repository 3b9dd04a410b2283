import type { Deployment, DeployOptions, Progress } from '../deploy/deploy.ts'
import { deploy } from '../deploy/deploy.ts'
import { interruptible, isInteractive, parse, STACK_HELP, STACK_OPTIONS } from './options.ts'
import { bundleLine, changesText, eventLine } from './render.ts'
import { UsageError } from './usage.ts'

const HELP = `mcp-lambda-sam deploy [options]

Brings the gateway to an AWS account, or up to date: uploads the code, shows what CloudFormation would change, asks,
and follows the deployment to its end. On a terminal it asks for what the options do not say. Needs no SAM CLI
and no AWS CLI.

Options
  --yes                 asks nothing and deploys; for pipelines
  --dry-run             shows the changes, and uploads and changes nothing
  --vpc <id>            attach the functions to this VPC, with --subnets
  --subnets <id,id>     subnets of that VPC
  --no-vpc              detach the functions from their VPC
  --parameter <Name=value>
                        of the template; may be repeated. Others keep what they are
  --bucket <name>       for the code (mcp-lambda-sam-<account>-<region>, made when missing)
  --replace-failed      delete a stack that could not be created, and make it anew
${STACK_HELP}
`

export async function deployStack(args: string[]): Promise<number> {
  const { 'stack-name': stackName, ...flags } = parse('deploy', args, {
    ...STACK_OPTIONS,
    // Without the default, so that it can be seen whether it was given.
    'stack-name': { type: 'string' },
    yes: { type: 'boolean', default: false },
    'dry-run': { type: 'boolean', default: false },
    vpc: { type: 'string' },
    subnets: { type: 'string' },
    'no-vpc': { type: 'boolean', default: false },
    parameter: { type: 'string', multiple: true, default: [] },
    bucket: { type: 'string' },
    'replace-failed': { type: 'boolean', default: false },
  })
  if (flags.help) {
    console.log(HELP.trimEnd())
    return 0
  }
  const asking = !flags.yes && isInteractive()
  if (!asking && !flags.yes && !flags['dry-run'])
    throw new UsageError(
      'Nobody can be asked here: give --yes to deploy, or --dry-run to see what would change.',
    )
  const given: DeployOptions = {
    stackName,
    region: flags.region,
    profile: flags.profile,
    parameters: { ...network(flags), ...parametersOf(flags.parameter) },
  }
  const { askFor, confirm } = await import('./prompts.ts')
  const asked = asking ? await askFor(given) : given

  const deployment = await interruptible(signal =>
    deploy({
      ...asked,
      bucket: flags.bucket,
      dryRun: flags['dry-run'],
      replaceFailed: flags['replace-failed'],
      signal,
      onProgress: progress => console.error(line(progress)),
      ...(asking && { confirm: () => confirm('Deploy these changes?') }),
    }),
  )
  console.log(ending(deployment))
  return deployment.status === 'declined' ? 1 : 0
}

function network(flags: {
  vpc?: string
  subnets?: string
  'no-vpc': boolean
}): Record<string, string> {
  const { vpc, subnets } = flags
  if (flags['no-vpc']) {
    if (vpc || subnets) throw new UsageError('--no-vpc goes with neither --vpc nor --subnets')
    return { VpcEnabled: 'false', VpcId: '', SubnetIds: '' }
  }
  if (!vpc && !subnets) return {}
  if (!vpc || !subnets) throw new UsageError('--vpc and --subnets go together')
  if (!/^vpc-[0-9a-f]+$/.test(vpc)) throw new UsageError(`--vpc takes an id, not "${vpc}"`)
  const ids = subnets.split(',').map(id => id.trim())
  for (const id of ids)
    if (!/^subnet-[0-9a-f]+$/.test(id))
      throw new UsageError(`--subnets takes ids, separated by commas, and "${id}" is none`)
  return { VpcEnabled: 'true', VpcId: vpc, SubnetIds: ids.join(',') }
}

function parametersOf(pairs: string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map(pair => {
      const [name = '', ...value] = pair.split('=')
      if (!/^[A-Za-z0-9]+$/.test(name) || !pair.includes('='))
        // Without the value, which may be a secret.
        throw new UsageError('--parameter takes Name=value')
      return [name, value.join('=')]
    }),
  )
}

function line(progress: Progress): string {
  if (progress.type === 'bundle') return bundleLine(progress)
  if (progress.type === 'account')
    return `Account ${progress.accountId}, ${progress.region}, as ${progress.callerArn}\nBucket ${progress.bucket}`
  if (progress.type === 'changes') return changesText(progress.changes)
  if (progress.type === 'upload')
    return `${progress.uploaded ? 'Uploaded' : 'Already there:'} s3://${progress.bucket}/${progress.key}`
  return eventLine(progress.event)
}

function ending({ status, stackName, region, outputs }: Deployment): string {
  const place = `${stackName} in ${region}`
  if (status === 'planned') return `Dry run: nothing was changed in ${place}.`
  if (status === 'declined') return `Nothing was changed in ${place}.`
  const where = `--stack-name ${stackName} --region ${region}`
  return `${ENDINGS[status]} ${place}.

MCP endpoint           ${outputs['McpUrl']}
Registration endpoint  ${outputs['RegistrationUrl']}

Next
  npx @markvp/mcp-lambda-sam doctor ${outputs['McpUrl']}
  npx @markvp/mcp-lambda-sam grant --as client --to <role ARN> ${where}`
}

const ENDINGS = { created: 'Created', updated: 'Updated', unchanged: 'No changes:' } as const
