import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import {
  CloudFormationClient,
  CreateStackCommand,
  DeleteStackCommand,
  DescribeStackEventsCommand,
  DescribeStacksCommand,
  UpdateStackCommand,
} from '@aws-sdk/client-cloudformation'
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { zipSync } from 'fflate'

import { type Credentials, until } from '../../../../test/support/gateway.ts'

const FOLDER = '../../../../examples/cloudformation'
const read = (path: string) =>
  readFileSync(fileURLToPath(new URL(`${FOLDER}/${path}`, import.meta.url)), 'utf8')

/** The stack of examples/cloudformation, with its code in a bucket as `sam deploy` puts it there. */
export async function exampleStack(options: {
  endpoint: string
  region: string
  credentials: Credentials
}) {
  const cloudformation = new CloudFormationClient(options)
  const s3 = new S3Client({ ...options, forcePathStyle: true })
  const code = { Bucket: 'example-code', Key: 'dice.zip' }
  await s3.send(new CreateBucketCommand({ Bucket: code.Bucket }))
  await s3.send(
    new PutObjectCommand({
      ...code,
      Body: zipSync({ 'dice.mjs': Buffer.from(read('src/dice.mjs')) }),
    }),
  )
  const template = read('template.yaml').replace(
    'CodeUri: src/',
    `CodeUri: s3://${code.Bucket}/${code.Key}`,
  )

  const StackName = 'dice'
  const input = (change: (template: string) => string) => ({
    StackName,
    TemplateBody: change(template),
    Capabilities: ['CAPABILITY_IAM' as const, 'CAPABILITY_AUTO_EXPAND' as const],
  })

  /** The stack once nothing is in progress. Undefined where there is none. */
  async function ended(name: string) {
    let stack: { StackStatus?: string | undefined; StackId?: string | undefined } | undefined
    await until(
      async () => {
        const stacks = await cloudformation
          .send(new DescribeStacksCommand({ StackName: name }))
          .catch(() => undefined)
        stack = stacks?.Stacks?.[0]
        return !stack?.StackStatus?.endsWith('_IN_PROGRESS')
      },
      'the end of the stack operation',
      90_000,
    )
    return stack
  }

  return {
    async create() {
      await cloudformation.send(new CreateStackCommand(input(it => it)))
      return ended(StackName)
    },
    async update(change: (template: string) => string) {
      await cloudformation.send(new UpdateStackCommand(input(change)))
      return ended(StackName)
    },
    async delete() {
      const stack = await ended(StackName)
      await cloudformation.send(new DeleteStackCommand({ StackName }))
      return ended(stack?.StackId ?? StackName)
    },
    /** Why each resource failed, newest first. */
    async failures() {
      const { StackEvents = [] } = await cloudformation.send(
        new DescribeStackEventsCommand({ StackName }),
      )
      return StackEvents.filter(it => it.ResourceStatus?.endsWith('_FAILED')).map(
        it => `${it.LogicalResourceId}: ${it.ResourceStatusReason}`,
      )
    },
  }
}
