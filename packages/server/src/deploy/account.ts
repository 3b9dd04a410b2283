import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts'
import type { CredentialProvider, Credentials } from '@markvp/mcp-lambda-sam-client'

import { DEPLOY_ERRORS, DeployError } from './errors.ts'
import { requireProfile } from './profiles.ts'

export interface AccountOptions {
  /** @default AWS_REGION, then AWS_DEFAULT_REGION, then the region of the profile */
  region?: string | undefined
  /** A profile of the shared configuration files. @default AWS_PROFILE, then "default" */
  profile?: string | undefined
  /** @default the AWS default chain */
  credentials?: Credentials | CredentialProvider | undefined
  signal?: AbortSignal | undefined
}

/** The AWS account and region to work in. */
export interface Account {
  /** The configuration of every client of the AWS SDK. */
  config: ClientConfig
  region: string
  partition: string
  accountId: string
  /** The principal of the credentials. */
  callerArn: string
}

interface ClientConfig {
  region: string
  profile?: string
  credentials?: Credentials | CredentialProvider
  requestHandler: { connectionTimeout: number; socketTimeout: number }
}

/** Finds region and credentials, and asks AWS for the account: the first request of a command. */
export async function signIn(options: AccountOptions): Promise<Account> {
  const { profile, credentials, signal } = options
  if (credentials === undefined) await assertProfile(profile)
  const region = await regionOf(options)
  const config: ClientConfig = {
    region,
    ...(profile !== undefined && { profile }),
    ...(credentials !== undefined && { credentials }),
    // By default the SDK waits without limit.
    requestHandler: { connectionTimeout: 10_000, socketTimeout: 60_000 },
  }
  const { Account: accountId = '', Arn: callerArn = '' } = await new STSClient(config)
    .send(new GetCallerIdentityCommand(), { abortSignal: signal })
    .catch(error => Promise.reject(withProfile(error, profile ?? process.env['AWS_PROFILE'])))
  const [, partition = 'aws'] = callerArn.split(':')
  return { config, region, partition, accountId, callerArn }
}

/** The SDK does not say why a profile gives no credentials. The AWS CLI does. */
function withProfile(error: unknown, profile: string | undefined): unknown {
  if (!profile || !(error instanceof Error) || !/from any providers/.test(error.message))
    return error
  return new DeployError('no_credentials', `The profile ${profile} gives no credentials`, {
    hint: `"aws sts get-caller-identity --profile ${profile}" says why. ${DEPLOY_ERRORS.no_credentials}`,
    cause: error,
  })
}

/** The SDK would look for credentials elsewhere, and report that it found none. */
async function assertProfile(name = process.env['AWS_PROFILE']) {
  if (name) await requireProfile(name)
}

/** The region to use. Rejects with `missing_region` if none is set. */
export async function regionOf({ region, profile }: AccountOptions): Promise<string> {
  const found = region || process.env['AWS_REGION'] || process.env['AWS_DEFAULT_REGION']
  if (!found) return regionOfProfile(profile)
  if (!/^[a-z]{2,}(-[a-z]+)+-\d+$/.test(found))
    throw new DeployError('invalid_option', `"${found}" is not the name of a region`, {
      hint: 'Give a region such as --region eu-central-1.',
    })
  return found
}

async function regionOfProfile(profile: string | undefined): Promise<string> {
  try {
    return await new STSClient(profile === undefined ? {} : { profile }).config.region()
  } catch (cause) {
    const [, wrong] = /region="([^"]*)" is not a valid/.exec(String(cause)) ?? []
    if (wrong === undefined) throw new DeployError('missing_region', 'No region is set', { cause })
    throw new DeployError('invalid_option', `"${wrong}" is not the name of a region`, {
      hint: 'Correct the region of the profile in the AWS configuration files, or give --region.',
      cause,
    })
  }
}
