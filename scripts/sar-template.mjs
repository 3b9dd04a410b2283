// Makes the template for the AWS Serverless Application Repository from template.yaml. The checker
// of the repository may not know `Rules` and `LoggingConfig`. So this template has neither, and no
// `LogLevel`, which needs LoggingConfig. The log groups have the names that Lambda uses by default.
// Everything else is the same: scripts/template/sar.py checks it.

const OMITTED = ['Rules', 'LoggingConfig', 'LogLevel']

/**
 * @param {string} template the text of template.yaml
 * @param {string} root the path from the folder of the result to the folder of the template
 */
export function sarTemplate(template, root) {
  const text = withoutEntries(template, OMITTED)
    .replace('[LogLevel, ', '[')
    .replace(/^( +(?:CodeUri|LicenseUrl|ReadmeUrl): )/gm, `$1${root}/`)
  const left = OMITTED.find(name =>
    new RegExp(`^ *${name}:|(!Ref |[[,] *)${name}\\b`, 'm').test(text),
  )
  if (left) throw new Error(`scripts/sar-template.mjs does not remove every ${left}`)
  return text
}

/**
 * The text without the entries of these names, at any depth. An entry ends before the next line
 * that is not indented more than its name.
 *
 * @param {string} yaml
 * @param {string[]} names
 */
function withoutEntries(yaml, names) {
  const entry = new RegExp(`^( *)(?:${names.join('|')}):`)
  /** @type {number | undefined} */
  let omitting
  return yaml
    .split('\n')
    .filter(line => {
      const indent = line.search(/\S/)
      if (omitting !== undefined && (indent < 0 || indent > omitting)) return false
      omitting = entry.exec(line)?.[1]?.length
      return omitting === undefined
    })
    .join('\n')
}
