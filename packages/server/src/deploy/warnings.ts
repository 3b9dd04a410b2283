/** Something that does not stop a command, and that its caller should know. */
export interface Warning {
  message: string
  hint: string
}

/** The warnings about the parameters that a stack has after a deployment. */
export function parameterWarnings(parameters: Record<string, string>): Warning[] {
  return [
    ...(parameters['VpcEnabled'] === 'true' ? [NO_STREAMS_IN_A_VPC] : []),
    ...(parameters['GrantCondition'] === 'none' ? [EVERY_PRINCIPAL] : []),
  ]
}

const EVERY_PRINCIPAL: Warning = {
  message:
    'GrantCondition is none: the registration function may allow every principal to invoke every function of the account but its own',
  hint: 'Use it only where doctor says that the condition on its role does not match: --parameter GrantCondition=principal limits the function to the role of the gateway.',
}

// https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html
const NO_STREAMS_IN_A_VPC: Warning = {
  message:
    'The functions are in a VPC, and the AWS Lambda guide says that Function URLs do not stream responses from within a VPC',
  hint: 'Try GET /sse before you rely on it. The gateway needs no VPC: --no-vpc detaches the functions.',
}
