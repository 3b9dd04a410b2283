import { dnsSuffixOf } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

/** The services that this package calls, by the names that signatures and host names use. */
export type ServiceName = 'dynamodb' | 'lambda' | 'monitoring'

/** CloudWatch is the only one with another name in the variables. */
const variableOf = (service: ServiceName) =>
  service === 'monitoring' ? 'CLOUDWATCH' : service.toUpperCase()

/**
 * The URL of a service in a region. The variables replace it as they do in the AWS SDKs:
 * https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
 */
export function endpointOf(
  service: ServiceName,
  region: string,
  environment: Record<string, string | undefined>,
): URL {
  const configured =
    environment[`AWS_ENDPOINT_URL_${variableOf(service)}`] || environment['AWS_ENDPOINT_URL']
  const isIgnored = environment['AWS_IGNORE_CONFIGURED_ENDPOINT_URLS']?.toLowerCase() === 'true'
  return new URL(
    configured && !isIgnored ? configured : `https://${service}.${region}.${dnsSuffixOf(region)}`,
  )
}
