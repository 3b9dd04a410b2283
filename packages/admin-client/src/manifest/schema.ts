/**
 * The zod schema of a manifest. The JSON Schema for editors is made from it.
 *
 * @module
 */
import * as z from 'zod'

import {
  ONE_ARGUMENT_LIST,
  ONE_INPUT_SCHEMA,
  ONE_URI,
  promptFields,
  type Rule,
  registrationName,
  resourceFields,
  toolFields,
} from '../schemas.ts'

/** A text in which `${…}` is replaced before it is sent: see variables.ts. */
const withVariables = z.string().min(1)

const lambdaArn = withVariables
  .optional()
  .describe(
    `The ARN of the function, its alias or its version. \${NAME} is an environment variable, \${stack:OutputKey} an output of the stack in "stack", \${stack:STACK.OutputKey} one of another stack, \${cfn-export:Name} an export of CloudFormation`,
  )

/** The fields that a manifest has instead of those of a registration. */
const named = {
  name: z.never().optional().describe('The key is the name'),
  lambdaArn,
  function: z.string().min(1).optional().describe('A name in "functions", instead of lambdaArn'),
  allow: z.array(withVariables).min(1).max(200).optional(),
  owner: z.never().optional().describe('The owner is that of the manifest'),
}

const ONE_FUNCTION: Rule = [
  it => (it['lambdaArn'] === undefined) !== (it['function'] === undefined),
  { path: ['lambdaArn'], message: 'give exactly one of "lambdaArn" and "function"' },
]

const tool = z
  .strictObject({ ...toolFields, ...named })
  .refine(...ONE_INPUT_SCHEMA)
  .refine(...ONE_FUNCTION)
const resource = z
  .strictObject({ ...resourceFields, ...named })
  .refine(...ONE_URI)
  .refine(...ONE_FUNCTION)
const prompt = z
  .strictObject({ ...promptFields, ...named })
  .refine(...ONE_ARGUMENT_LIST)
  .refine(...ONE_FUNCTION)

/** FILE.EXPORT */
const HANDLER = /^[^\s]+\.[A-Za-z_$][\w$]*$/
/** The runtimes of Lambda whose functions `mcp-lambda-sam local` runs. */
const RUNTIME = /^(nodejs|python)\d+(\.\d+|\.x)?$/

/** Whether `mcp-lambda-sam local` can run the code. */
export const runsHere = (handler: string, runtime: string | undefined): boolean =>
  HANDLER.test(handler) && (runtime === undefined || RUNTIME.test(runtime))

/**
 * A function. `arn` is for `apply`; the other fields are for `mcp-lambda-sam local`, which runs the
 * code on this machine. Paths are relative to the folder of the manifest.
 */
const manifestFunction = z
  .strictObject({
    arn: lambdaArn,
    file: z
      .string()
      .min(1)
      .optional()
      .describe('The file with the code, or a folder with an index: it exports "handler"'),
    handler: z
      .string()
      .regex(HANDLER, 'must be FILE.EXPORT as in Lambda, such as src/index.handler')
      .optional()
      .describe('Instead of "file": FILE.EXPORT as in Lambda, such as src/index.handler'),
    runtime: z
      .string()
      .regex(
        RUNTIME,
        'must be one that "mcp-lambda-sam local" runs, such as nodejs24.x or python3.13: leave out any other',
      )
      .optional(),
    env: z
      .record(
        z.string().regex(/^[A-Za-z_]\w*$/, 'is not the name of an environment variable'),
        z.union([z.string(), z.number(), z.boolean()]),
      )
      .optional()
      .describe(`Environment variables. \${NAME} in a value is a variable of the environment`),
    timeout: z.int().min(1).max(900).optional().describe('Seconds'),
    memory: z.int().min(128).max(10_240).optional().describe('MB'),
    concurrency: z.int().min(1).max(1000).optional().describe('Invocations at the same time'),
  })
  .refine(it => !(it.file && it.handler), {
    path: ['handler'],
    message: 'cannot be combined with "file": give one of the two',
  })

const byName = <Entry extends z.ZodType>(entry: Entry) =>
  z.record(registrationName, entry).optional()

export const manifestSchema = z
  .strictObject({
    $schema: z.string().optional(),
    owner: withVariables
      .optional()
      .describe('The label of all registrations of this manifest. Only these are pruned'),
    stack: withVariables
      .optional()
      .describe(`The CloudFormation stack of the functions, whose outputs are \${stack:OutputKey}`),
    functions: z
      .record(
        z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be 1 to 64 of A-Z a-z 0-9 _ -'),
        manifestFunction,
      )
      .optional(),
    tools: byName(tool),
    resources: byName(resource),
    prompts: byName(prompt),
  })
  .superRefine((manifest, context) => {
    const { functions = {} } = manifest
    for (const part of ['tools', 'resources', 'prompts'] as const)
      for (const [name, it] of Object.entries(manifest[part] ?? {}))
        if (it.function !== undefined && !Object.hasOwn(functions, it.function))
          context.addIssue({
            code: 'custom',
            path: [part, name, 'function'],
            message: `"${it.function}" is not in "functions"`,
          })
  })

/** The JSON Schema of a manifest, draft 2020-12, for editors. */
export function manifestJsonSchema(): Record<string, unknown> {
  return {
    ...z.toJSONSchema(manifestSchema, { io: 'input', unrepresentable: 'any' }),
    title: 'Manifest of MCP Lambda SAM',
    description:
      'Registers Lambda functions as MCP tools, resources and prompts: mcp-lambda-sam-admin apply',
  }
}
