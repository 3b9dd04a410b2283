import {
  type CloudFormationClient,
  type Stack as Described,
  DescribeStacksCommand,
} from '@aws-sdk/client-cloudformation'

import { DeployError } from './errors.ts'
import { placeOptions } from './place.ts'

export const DEFAULT_STACK_NAME = 'mcp-lambda-sam'

/** The name to use. Rejects one that CloudFormation would not take, such as an empty variable. */
export function stackNameOf({
  stackName = DEFAULT_STACK_NAME,
}: {
  stackName?: string | undefined
}) {
  if (/^([A-Za-z][A-Za-z0-9-]{0,127}|arn:[\w-]+:cloudformation:\S+)$/.test(stackName))
    return stackName
  throw new DeployError('invalid_option', `"${stackName}" is not the name of a stack`, {
    hint: 'Give one such as --stack-name my-gateway: letters, digits and "-", beginning with a letter.',
  })
}

export interface Stack {
  id: string
  /** As CloudFormation names it: UPDATE_COMPLETE. */
  status: string
  description: string | undefined
  outputs: Record<string, string>
  parameters: Record<string, string>
  updatedAt: Date | undefined
  /** CloudFormation refuses to delete it. */
  isProtected: boolean
}

/** Finds a stack by its name, or by its id, which also finds a deleted stack. */
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
    // A missing stack is a ValidationError, as every bad request is. Only the message differs.
    if (error instanceof Error && /does not exist/.test(error.message)) return undefined
    throw error
  }
}

/** A stack of this product that has its URLs. */
export async function getStack(
  cloudformation: CloudFormationClient,
  stackName: string,
  signal?: AbortSignal,
): Promise<Stack> {
  const stack = await findStack(cloudformation, stackName, signal)
  if (stack && isGateway(stack)) return stack
  const region = await cloudformation.config.region()
  if (!stack) throw stackNotFound(stackName, region)
  throw hasNoOutputsYet(stack)
    ? new DeployError(
        'stack_not_found',
        `The stack ${stackName} is ${stack.status} and has no URLs`,
        {
          hint: `Deploy it first; "mcp-lambda-sam deploy ${placeOptions({ stackName, region })}" says what is wrong with it.`,
        },
      )
    : foreignStack(stackName)
}

export const stackNotFound = (stackName: string, region: string) =>
  new DeployError('stack_not_found', `There is no stack ${stackName} in ${region}`)

export const foreignStack = (stackName: string) =>
  new DeployError(
    'foreign_stack',
    `The stack ${stackName} exists and is not a gateway of this product (it has no outputs McpUrl and RegistrationUrl)`,
  )

/** A stack of another product may have an output McpUrl too. */
export const isGateway = ({ outputs }: Stack) =>
  Boolean(outputs['McpUrl'] && outputs['RegistrationUrl'])

/** A stack of this product. Without outputs its description tells. */
export const isOurs = (stack: Stack) =>
  isGateway(stack) || Boolean(stack.description?.startsWith('MCP Lambda SAM'))

/** The stack has a change set that would create it, and nothing else. */
export const isPlanned = ({ status }: Stack) => status === 'REVIEW_IN_PROGRESS'

/** CloudFormation is changing the stack. Also true of a planned stack. */
export const isInProgress = ({ status }: Stack) => status.endsWith('_IN_PROGRESS')

/** The last change of the stack has ended well. */
export const isComplete = ({ status }: Stack) => /^(CREATE|UPDATE|IMPORT)_COMPLETE$/.test(status)

/** The stack was never created completely, so it has no outputs, whatever its template is. */
export const hasNoOutputsYet = ({ status }: Stack) =>
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
    isProtected: stack.EnableTerminationProtection === true,
  }
}
