import { isPartition, PARTITIONS, partitionOf } from './partitions.ts'

/**
 * The parts of a function's ARN, with the qualifier (alias, version) where there is one:
 * https://docs.aws.amazon.com/service-authorization/latest/reference/list_awslambda.html#awslambda-resources-for-iam-policies
 */
export interface LambdaArn {
  partition: string
  region: string
  accountId: string
  functionName: string
  qualifier?: string
}

/** Parses the ARN of a function, or returns one phrase that says which part is wrong. */
export function parseLambdaArn(arn: string): LambdaArn | string {
  const [prefix, partition, service, region, accountId, kind, functionName, ...rest] =
    arn.split(':')
  const [qualifier] = rest
  if (prefix !== 'arn')
    return 'is not an ARN: arn:aws:lambda:REGION:ACCOUNT:function:NAME is expected'
  if (!partition || !isPartition(partition))
    return `has the partition "${partition ?? ''}": ${PARTITIONS} is expected`
  if (service !== 'lambda') return `names the service "${service ?? ''}": lambda is expected`
  if (!region || !/^[a-z]+(-[a-z]+)+-\d+$/.test(region))
    return `has the region "${region ?? ''}", which is not a region's name`
  if (partitionOf(region) !== partition)
    return `names the region ${region}, which is in the partition ${partitionOf(region)} and not in ${partition}`
  if (!accountId || !/^\d{12}$/.test(accountId))
    return `has the account "${accountId ?? ''}": twelve digits are expected`
  if (kind !== 'function')
    return `names the resource "${kind ?? ''}": function is expected (layers and event sources cannot be called)`
  if (!functionName || !/^[A-Za-z0-9_-]{1,64}$/.test(functionName))
    return `has the function name "${functionName ?? ''}": 1 to 64 letters, digits, "-" or "_" are expected`
  if (rest.length > 1) return 'has more parts than a function ARN with a qualifier has'
  if (qualifier !== undefined && !/^(\$LATEST|[A-Za-z0-9_-]{1,128})$/.test(qualifier))
    return `has the qualifier "${qualifier}": an alias, a version or $LATEST is expected`
  return {
    partition,
    region,
    accountId,
    functionName,
    ...(qualifier === undefined ? {} : { qualifier }),
  }
}
