import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8')

/** The IAM action of an API, where it has another name. */
const ACTIONS: Record<string, string> = {
  's3:HeadBucket': 's3:ListBucket',
  's3:HeadObject': 's3:GetObject',
  's3:PutBucketEncryption': 's3:PutEncryptionConfiguration',
  's3:PutPublicAccessBlock': 's3:PutBucketPublicAccessBlock',
}

/** The actions that a file of `src/deploy` sends to AWS. */
function actionsOf(file: string): string[] {
  const source = read(`../../src/deploy/${file}`)
  return [...source.matchAll(/import \{([^}]*)\} from '@aws-sdk\/client-(\w+)'/g)].flatMap(
    ([, names = '', service]) =>
      [...names.matchAll(/\b(\w+)Command\b/g)].map(([, api]) => `${service}:${api}`),
  )
}

test('the documentation lists every right that the commands need', () => {
  const [, section = ''] =
    /## Permissions for deploying\n([\s\S]*?)\n## /.exec(read('../../../../docs/deploying.md')) ??
    []
  const used = readdirSync(new URL('../../src/deploy', import.meta.url)).flatMap(actionsOf)
  const documented = new Set(section.match(/\b[a-z0-9]+:[A-Z]\w+/g))
  const missing = used.map(it => ACTIONS[it] ?? it).filter(it => !documented.has(it))
  expect(used).toContain('cloudformation:DescribeEvents')
  expect([...new Set(missing)]).toEqual([])
  // CloudFormation gives the roles to the functions with the rights of the caller.
  expect(documented).toContain('iam:PassRole')
})
