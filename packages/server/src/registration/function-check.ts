import { GetFunctionConfigurationCommand, type LambdaClient } from '@aws-sdk/client-lambda'
import { parseLambdaArn, type Registration } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

/** What is wrong between a registration and its function, as far as could be seen. */
interface FunctionCheck {
  warnings: string[]
  /** Why the configuration of the function was not read. Undefined where it was. */
  unread?: 'not_granted' | 'unknown'
}

/** Never rejects: a registration is valid also where its function cannot be seen. */
export type CheckFunction = (
  registration: Pick<Registration, 'lambdaArn' | 'tenant'>,
) => Promise<FunctionCheck>

/** For a stack whose parameter ReadConfiguration is false. */
export const withoutRight: CheckFunction = async () => NOT_GRANTED

const NOT_GRANTED: FunctionCheck = { warnings: [], unread: 'not_granted' }

/**
 * Reads the configuration of the function, which says what each call of it would fail for. The
 * right is optional: the configuration also has the environment variables of the function.
 * `accountId` is the account of the gateway; its role reads no function of another one.
 * https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConfiguration.html
 */
export function configurationCheck(
  clientFor: (region: string) => LambdaClient,
  accountId: string,
): CheckFunction {
  return async ({ lambdaArn, tenant }) => {
    const arn = parseLambdaArn(lambdaArn)
    if (typeof arn === 'string' || arn.accountId !== accountId) return NOT_GRANTED
    try {
      const { TenancyConfig, DurableConfig } = await clientFor(arn.region).send(
        new GetFunctionConfigurationCommand({ FunctionName: lambdaArn }),
      )
      const isolates = TenancyConfig?.TenantIsolationMode === 'PER_TENANT'
      return {
        warnings: [
          ...(DurableConfig && !arn.qualifier ? [NEEDS_QUALIFIER] : []),
          ...(isolates && !tenant ? [NEEDS_TENANT] : []),
          ...(!isolates && tenant ? [NEEDS_NO_TENANT] : []),
        ],
      }
    } catch (error) {
      const { name } = error as Error
      if (name === 'AccessDeniedException') return NOT_GRANTED
      // The status of the registration may not say it: a policy can be denied, too.
      if (name === 'ResourceNotFoundException') return { warnings: [MISSING] }
      return { warnings: [], unread: 'unknown' }
    }
  }
}

const MISSING =
  '/lambdaArn: this function, alias or version does not exist. Deploy it, then repair the registration'

/** https://docs.aws.amazon.com/lambda/latest/dg/durable-invoking.html */
const NEEDS_QUALIFIER =
  '/lambdaArn: this is a durable function, which Lambda invokes only by a version or an alias. Every call will fail: add a version or an alias to the ARN'

/** https://docs.aws.amazon.com/lambda/latest/dg/tenant-isolation-invoke.html */
const NEEDS_TENANT =
  '/tenant: this function isolates tenants. Every call will fail without "tenant": "account", "principal" or "session"'

const NEEDS_NO_TENANT =
  '/tenant: this function does not isolate tenants. Every call will fail: leave out "tenant"'
