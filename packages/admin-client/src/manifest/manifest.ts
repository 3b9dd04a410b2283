/**
 * What a manifest holds. test/manifest-types.test.ts compares these types with the schema. They are
 * written out, so that programs need neither zod nor its types.
 *
 * @module
 */
import type { PromptInput, ResourceInput, ToolInput } from '../registration-input.ts'

/** What an author writes. */
export interface Manifest {
  $schema?: string | undefined
  /** The label of all registrations of this manifest. Only these are pruned. */
  owner?: string | undefined
  /** The CloudFormation stack of the functions, whose outputs are `${stack:OutputKey}`. */
  stack?: string | undefined
  functions?: Record<string, ManifestFunction> | undefined
  /** By name, as are `resources` and `prompts`. */
  tools?: Record<string, ManifestTool> | undefined
  resources?: Record<string, Entry<ResourceInput>> | undefined
  prompts?: Record<string, Entry<PromptInput>> | undefined
}

type ManifestTool = Entry<ToolInput>

/** The fields of a registration, without those that the manifest gives it. */
type Entry<Input> = Omit<Input, 'type' | 'name' | 'lambdaArn' | 'owner'> & {
  name?: undefined
  owner?: undefined
  /** With variables: `${NAME}`, `${stack:OutputKey}`, `${cfn-export:Name}`. */
  lambdaArn?: string | undefined
  /** A name in `functions`, instead of `lambdaArn`. */
  function?: string | undefined
}

/**
 * A function. `arn` is for `apply`; the other fields are for `mcp-lambda-sam local`, which runs the
 * code on this machine. Paths are relative to the folder of the manifest.
 */
export interface ManifestFunction {
  arn?: string | undefined
  /** The file with the code, or a folder with an index: it exports `handler`. */
  file?: string | undefined
  /** Instead of `file`: FILE.EXPORT as in Lambda, such as `src/index.handler`. */
  handler?: string | undefined
  /** As in Lambda, such as `nodejs24.x` or `python3.13`. */
  runtime?: string | undefined
  /** `${NAME}` in a value is a variable of the environment. */
  env?: Record<string, string | number | boolean> | undefined
  /** Seconds. */
  timeout?: number | undefined
  /** MB. */
  memory?: number | undefined
  /** Invocations at the same time. */
  concurrency?: number | undefined
}
