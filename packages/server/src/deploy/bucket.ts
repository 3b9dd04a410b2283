import {
  CreateBucketCommand,
  GetBucketVersioningCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  PutBucketEncryptionCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutPublicAccessBlockCommand,
  S3Client,
  type S3ServiceException,
  waitUntilBucketExists,
} from '@aws-sdk/client-s3'

import type { Account } from './account.ts'
import type { Bundle } from './assets.ts'
import { DeployError } from './errors.ts'

export const ownBucket = ({ accountId, region }: Account) => `mcp-lambda-sam-${accountId}-${region}`

/**
 * Uploads the bundles to a bucket. Every request names the account that must own the bucket: its
 * name can be guessed, and another account that created it first must not choose the code that
 * runs.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucket-owner-condition.html
 */
export async function uploadBundles(
  account: Account,
  bundles: Bundle[],
  {
    bucket,
    signal,
    onUpload,
  }: {
    bucket: string
    signal: AbortSignal | undefined
    onUpload: (bundle: Bundle, uploaded: boolean) => void
  },
): Promise<void> {
  const s3 = new S3Client(account.config)
  const owned = { Bucket: bucket, ExpectedBucketOwner: account.accountId }
  const abort = { abortSignal: signal }

  const exists = await isThere(() => s3.send(new HeadBucketCommand(owned), abort))
  if (bucket === ownBucket(account)) await prepare(exists)
  else if (!exists) throw unusable(`The bucket ${bucket} does not exist`)

  for (const bundle of bundles) {
    const object = { ...owned, Key: bundle.key }
    const known = await isThere(() => s3.send(new HeadObjectCommand(object), abort))
    if (!known)
      await s3.send(
        new PutObjectCommand({ ...object, Body: bundle.zip, ContentType: 'application/zip' }),
        abort,
      )
    onUpload(bundle, !known)
  }

  /** Versioning is set last: a bucket without it was not prepared to the end. */
  async function prepare(exists: boolean) {
    if (!exists) await create()
    const { Status } = await s3.send(new GetBucketVersioningCommand(owned), abort)
    if (Status === 'Enabled') return
    await s3.send(
      new PutPublicAccessBlockCommand({ ...owned, PublicAccessBlockConfiguration: PRIVATE }),
      abort,
    )
    await s3.send(
      new PutBucketEncryptionCommand({
        ...owned,
        ServerSideEncryptionConfiguration: {
          Rules: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
        },
      }),
      abort,
    )
    await s3.send(
      new PutBucketVersioningCommand({ ...owned, VersioningConfiguration: { Status: 'Enabled' } }),
      abort,
    )
  }

  async function create() {
    const { region } = account
    await s3.send(
      new CreateBucketCommand({
        Bucket: bucket,
        // S3 refuses the name of its default region.
        ...(region !== 'us-east-1' && {
          CreateBucketConfiguration: { LocationConstraint: region as never },
        }),
      }),
      abort,
    )
    await waitUntilBucketExists({ client: s3, maxWaitTime: 60, ...signalled(signal) }, owned)
  }

  async function isThere(head: () => Promise<unknown>): Promise<boolean> {
    try {
      await head()
      return true
    } catch (error) {
      // A response to HEAD has no body: the status is all that tells.
      const { $metadata, $response } = error as S3ServiceException
      const status = $metadata?.httpStatusCode
      const region = $response?.headers['x-amz-bucket-region']
      if (status === 404) return false
      if (status === 301 || (status === 400 && region))
        throw unusable(
          `The bucket ${bucket} is in ${region ?? 'another region'}, and the stack in ${account.region}`,
        )
      if (status === 400)
        throw new DeployError('bucket_unusable', `S3 refuses to tell of the bucket ${bucket}`, {
          hint: 'The credentials have expired since the command began: log in and deploy again. Or the name cannot be that of a bucket: check --bucket.',
        })
      if (status === 403)
        throw unusable(
          `The bucket ${bucket} belongs to another account, or these credentials may not use it`,
        )
      throw error
    }
  }
}

const PRIVATE = {
  BlockPublicAcls: true,
  BlockPublicPolicy: true,
  IgnorePublicAcls: true,
  RestrictPublicBuckets: true,
}

const signalled = (signal: AbortSignal | undefined) => (signal ? { abortSignal: signal } : {})

const unusable = (message: string) => new DeployError('bucket_unusable', message)
