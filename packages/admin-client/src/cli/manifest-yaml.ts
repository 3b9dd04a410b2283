import type { Manifest } from '../manifest/manifest.ts'

const HEAD =
  '# yaml-language-server: $schema=./node_modules/@markvp/mcp-lambda-sam-admin-client/dist/manifest.schema.json\n'

/** A manifest as YAML, with the line that tells editors its schema. */
export async function manifestYaml(manifest: Manifest): Promise<string> {
  const { stringify } = await import('yaml')
  const options = {
    // Without anchors: a reader copies parts of it.
    aliasDuplicateObjects: false,
    lineWidth: 100,
    // A folded text in double quotes is not always read back as it was.
    doubleQuotedMinMultiLineLength: Number.MAX_SAFE_INTEGER,
  }
  return HEAD + stringify(manifest, options)
}
