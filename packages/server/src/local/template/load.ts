import { readFile } from 'node:fs/promises'

import { LocalError } from '../errors.ts'
import type { Configuration } from '../functions/configured-source.ts'
import { templateFunctions } from './functions.ts'
import { parseTemplate } from './read.ts'

/** Reads the functions of a SAM or CloudFormation template. */
export async function loadTemplate(
  file: string,
  parameters: Record<string, string>,
): Promise<Configuration> {
  const text = await readFile(file, 'utf8').catch(cause => {
    throw new LocalError(
      'unreadable_template',
      `${file} cannot be read`,
      'Name the template of your project with --template, such as template.yaml.',
      { cause },
    )
  })
  return templateFunctions(parseTemplate(text, file), parameters)
}
