import type { FunctionConfiguration } from '../aws/functions.ts'
import { type Imported, type ManifestTool, toName } from './imported.ts'

/** A tool for each function of an account. */
export function fromFunctions(functions: FunctionConfiguration[]): Imported {
  const entries = functions.map(
    ({ FunctionName, FunctionArn, Description }): [string, ManifestTool] => [
      toName(FunctionName),
      { lambdaArn: FunctionArn, ...(Description && { description: Description }) },
    ],
  )
  return {
    manifest: { tools: Object.fromEntries(entries) },
    notes:
      functions.length === 0
        ? ['No function was found.']
        : [
            `${functions.length} functions. Add "parameters" to each, and a "description" where it has none.`,
          ],
  }
}
