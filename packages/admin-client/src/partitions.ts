/** Region names of the isolated partitions end their second part in `iso` and a letter. */
const ISOLATED = /^[a-z]+-iso([a-z]?)-/

/**
 * The partition of a region, by the prefixes that AWS uses:
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html#arns-syntax
 */
export function partitionOf(region: string): string {
  if (region.startsWith('cn-')) return 'aws-cn'
  if (region.startsWith('us-gov-')) return 'aws-us-gov'
  if (region.startsWith('eusc-')) return 'aws-eusc'
  const [isolated, letter] = ISOLATED.exec(region) ?? []
  if (!isolated) return 'aws'
  return letter ? `aws-iso-${letter}` : 'aws-iso'
}

/** `aws`, `aws-cn`, `aws-us-gov`, `aws-eusc`, `aws-iso`, or an isolated one such as `aws-iso-b`. */
export const isPartition = (partition: string): boolean =>
  /^aws(-cn|-us-gov|-eusc|-iso(-[a-z])?)?$/.test(partition)

/** For messages. */
export const PARTITIONS = 'aws, aws-cn, aws-us-gov, aws-eusc or aws-iso…'

/**
 * The DNS suffixes of partitions, as the AWS SDKs have them. That of `aws` and `aws-us-gov` is the
 * default:
 * https://github.com/boto/botocore/blob/develop/botocore/data/partitions.json
 */
const SUFFIXES: Record<string, string> = {
  'aws-cn': 'amazonaws.com.cn',
  'aws-eusc': 'amazonaws.eu',
  'aws-iso': 'c2s.ic.gov',
  'aws-iso-b': 'sc2s.sgov.gov',
  'aws-iso-e': 'cloud.adc-e.uk',
  'aws-iso-f': 'csp.hci.ic.gov',
}
const DEFAULT_SUFFIX = 'amazonaws.com'

/** The end of the host names of AWS in a region. */
export const dnsSuffixOf = (region: string): string =>
  SUFFIXES[partitionOf(region)] ?? DEFAULT_SUFFIX

export const dnsSuffixes = (): string[] => [DEFAULT_SUFFIX, ...Object.values(SUFFIXES)]
