import { allExports, stackOutputs } from '../aws/cloudformation.ts'
import { UnresolvedVariable, type VariableSources } from '../manifest/variables.ts'
import { awsOptions, type GatewayFlags } from './gateway.ts'

/** The environment and CloudFormation. Each stack is read once. */
export function commandVariables(flags: GatewayFlags): VariableSources {
  const options = awsOptions(flags)
  const stacks = new Map<string, Promise<Record<string, string>>>()
  let exports: Promise<Record<string, string>> | undefined
  return {
    environment: process.env,
    stackOutputs(stack) {
      const reading =
        stacks.get(stack) ??
        stackOutputs(options, stack).then(outputs => {
          if (outputs) return outputs
          throw new UnresolvedVariable(`there is no stack ${stack} in this account and region`)
        })
      stacks.set(stack, reading)
      return reading
    },
    exports() {
      exports ??= allExports(options)
      return exports
    },
  }
}
