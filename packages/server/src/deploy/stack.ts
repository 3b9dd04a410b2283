import {
  type CloudFormationClient,
  type Stack as Described,
  DescribeStacksCommand,
} from '@aws-sdk/client-cloudformation'

import { DeployError } from './errors.ts'

export const DEFAULT_STACK_NAME = 'mcp-lambda-sam'

export interface Stack {
  id: string
  /** CloudFormation's word, such as UPDATE_COMPLETE. */
  status: string
  description: string | undefined
  outputs: Record<string, string>
  parameters: Record<string, string>
  updatedAt: Date | undefined
}

/** By name, or by id where it may have been deleted meanwhile. Undefined when there is none. */
export async function findStack(
  cloudformation: CloudFormationClient,
  nameOrId: string,
  signal?: AbortSignal,
): Promise<Stack | undefined> {
  try {
    const { Stacks = [] } = await cloudformation.send(
      new DescribeStacksCommand({ StackName: nameOrId }),
      { abortSignal: signal },
    )
    return Stacks[0] && toStack(Stacks[0])
  } catch (error) {
    // The only code there is for a missing stack is the one for every bad request.
    if (error instanceof Error && /does not exist/.test(error.message)) return undefined
    throw error
  }
}

/** A stack of this product that is there to be used. */
export async function getStack(
  cloudformation: CloudFormationClient,
  stackName: string,
  signal?: AbortSignal,
): Promise<Stack> {
  const stack = await findStack(cloudformation, stackName, signal)
  if (stack && isGateway(stack)) return stack
  if (!stack) throw notFound(stackName, await cloudformation.config.region())
  throw isBeingMade(stack)
    ? new DeployError(
        'stack_not_found',
        `The stack ${stackName} is ${stack.status} and has no URLs`,
        'Deploy it first; "mcp-lambda-sam deploy" says what is wrong with it.',
      )
    : foreign(stackName)
}

export const notFound = (stackName: string, region: string) =>
  new DeployError(
    'stack_not_found',
    `There is no stack ${stackName} in ${region}`,
    'Check --stack-name, --region and --profile.',
  )

export const foreign = (stackName: string) =>
  new DeployError(
    'foreign_stack',
    `The stack ${stackName} is there and is not a gateway of this product (it has no output McpUrl)`,
    'Choose another name with --stack-name.',
  )

export const isGateway = ({ outputs }: Stack) => Boolean(outputs['McpUrl'])

/** Also of a stack that never came to have outputs: what it was to become says so. */
export const isOurs = (stack: Stack) =>
  isGateway(stack) || Boolean(stack.description?.startsWith('MCP Lambda SAM'))

/** There is a plan to make it, and nothing else yet. */
export const isPlanned = ({ status }: Stack) => status === 'REVIEW_IN_PROGRESS'

/** A stack whose creation has not come to a good end has no outputs yet, whosever it is. */
export const isBeingMade = ({ status }: Stack) =>
  /^(REVIEW_|CREATE_IN_|CREATE_FAILED|ROLLBACK_|DELETE_)/.test(status)

function toStack(stack: Described): Stack {
  return {
    id: stack.StackId ?? '',
    status: stack.StackStatus ?? '',
    description: stack.Description,
    outputs: Object.fromEntries(
      (stack.Outputs ?? []).map(it => [it.OutputKey, it.OutputValue ?? '']),
    ),
    parameters: Object.fromEntries(
      (stack.Parameters ?? []).map(it => [it.ParameterKey, it.ParameterValue ?? '']),
    ),
    updatedAt: stack.LastUpdatedTime ?? stack.CreationTime,
  }
}
