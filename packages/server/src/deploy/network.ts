import {
  DescribeSubnetsCommand,
  DescribeVpcsCommand,
  EC2Client,
  type Tag,
} from '@aws-sdk/client-ec2'

import { type AccountOptions, signIn } from './account.ts'
import { toDeployError } from './errors.ts'

export interface Vpc {
  id: string
  name: string | undefined
  cidr: string
  isDefault: boolean
  subnets: Subnet[]
}

export interface Subnet {
  id: string
  name: string | undefined
  cidr: string
  zone: string
}

/** The VPCs of the account with their subnets, at most 1,000 of each. */
export async function listVpcs(options: AccountOptions): Promise<Vpc[]> {
  try {
    const { config } = await signIn(options)
    const ec2 = new EC2Client(config)
    const [{ Vpcs = [] }, { Subnets = [] }] = await Promise.all([
      ec2.send(new DescribeVpcsCommand({ MaxResults: 1000 })),
      ec2.send(new DescribeSubnetsCommand({ MaxResults: 1000 })),
    ])
    return Vpcs.map(({ VpcId = '', CidrBlock = '', IsDefault = false, Tags }) => ({
      id: VpcId,
      name: nameOf(Tags),
      cidr: CidrBlock,
      isDefault: IsDefault,
      subnets: Subnets.filter(it => it.VpcId === VpcId).map(it => ({
        id: it.SubnetId ?? '',
        name: nameOf(it.Tags),
        cidr: it.CidrBlock ?? '',
        zone: it.AvailabilityZone ?? '',
      })),
    }))
  } catch (error) {
    throw toDeployError(error)
  }
}

const nameOf = (tags: Tag[] = []) => tags.find(({ Key }) => Key === 'Name')?.Value
