import { type AwsOptions, awsRequest } from './aws-request.ts'

/** The fields of a function's configuration that are used here. */
export interface FunctionConfiguration {
  FunctionName: string
  FunctionArn: string
  Description?: string
  LoggingConfig?: { LogGroup?: string }
}

/** https://docs.aws.amazon.com/lambda/latest/api/API_ListFunctions.html */
export async function listFunctions(options: AwsOptions): Promise<FunctionConfiguration[]> {
  const found: FunctionConfiguration[] = []
  let marker = ''
  do {
    const query = new URLSearchParams({ MaxItems: '50', ...(marker && { Marker: marker }) })
    const page = await awsRequest(options, {
      service: 'lambda',
      method: 'GET',
      path: `/2015-03-31/functions/?${query}`,
    })
    const { Functions = [], NextMarker } = JSON.parse(page)
    found.push(...Functions)
    marker = NextMarker ?? ''
  } while (marker)
  return found
}

/** The ARNs of the functions with a tag. Without a value, any value. */
export async function taggedFunctions(
  options: AwsOptions,
  key: string,
  value: string | undefined,
): Promise<Set<string>> {
  const found = new Set<string>()
  let PaginationToken = ''
  do {
    const page = await awsRequest(options, {
      service: 'tagging',
      body: JSON.stringify({
        ResourceTypeFilters: ['lambda:function'],
        TagFilters: [{ Key: key, ...(value !== undefined && { Values: [value] }) }],
        ...(PaginationToken && { PaginationToken }),
      }),
      headers: {
        'content-type': 'application/x-amz-json-1.1',
        'x-amz-target': 'ResourceGroupsTaggingAPI_20170126.GetResources',
      },
    })
    const { ResourceTagMappingList = [], PaginationToken: next = '' } = JSON.parse(page)
    for (const { ResourceARN } of ResourceTagMappingList) found.add(ResourceARN)
    PaginationToken = next
  } while (PaginationToken)
  return found
}

/** The log group that a function writes to. Undefined where the caller may not read it. */
export async function logGroupOf(
  options: AwsOptions,
  functionArn: string,
  region: string,
): Promise<string | undefined> {
  try {
    const text = await awsRequest(options, {
      service: 'lambda',
      region,
      method: 'GET',
      path: `/2015-03-31/functions/${encodeURIComponent(functionArn)}/configuration`,
    })
    return (JSON.parse(text) as FunctionConfiguration).LoggingConfig?.LogGroup
  } catch {
    // The default name is right for most functions.
    return undefined
  }
}
