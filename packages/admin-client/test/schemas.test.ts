import { describe, expect, expectTypeOf, test } from 'vitest'
import type { infer as Inferred } from 'zod'

import type {
  PromptInput,
  RegistrationInput,
  ResourceInput,
  ToolInput,
} from '../src/registration-input.ts'
import {
  type promptInput,
  registrationInput,
  type resourceInput,
  type toolInput,
} from '../src/schemas.ts'

test('the published types are those of the schemas', () => {
  expectTypeOf<Inferred<typeof toolInput>>().toEqualTypeOf<ToolInput>()
  expectTypeOf<Inferred<typeof resourceInput>>().toEqualTypeOf<ResourceInput>()
  expectTypeOf<Inferred<typeof promptInput>>().toEqualTypeOf<PromptInput>()
  expectTypeOf<Inferred<typeof registrationInput>>().toEqualTypeOf<RegistrationInput>()
})

const lambdaArn = 'arn:aws:lambda:us-east-1:000000000000:function:a'
const resource = { type: 'resource', name: 'a', lambdaArn }

const placesIn = (value: unknown) =>
  registrationInput.safeParse(value).error?.issues.map(({ path }) => path.join('/'))

describe('a resource', () => {
  test.each([
    'notes://today',
    'https://example.com/a?b=c#d',
    'urn:isbn:0451450523',
    'mailto:a@b.c',
  ])('has the URI %s', uri => {
    expect(placesIn({ ...resource, uri })).toBeUndefined()
  })

  test.each([
    '',
    'today',
    '/notes',
    '//host/a',
    'notes://a b',
    ' notes://a',
    'notes://a\n',
    'n'.repeat(2049),
  ])('does not have the URI %j', uri => {
    expect(placesIn({ ...resource, uri })).toContain('uri')
  })

  test.each([
    'notes://{id}',
    'notes://{+path}',
    'a:{b}/{c*}{?d,e}{&f}',
    'https://x.test{/a}{.b}{;c}{#d}',
  ])('has the URI template %s', uriTemplate => {
    expect(placesIn({ ...resource, uriTemplate })).toBeUndefined()
  })

  test.each(['{scheme}://a', 'notes/{id}', 'notes://{a b}', 'notes:'])(
    'does not have the URI template %j',
    uriTemplate => {
      expect(placesIn({ ...resource, uriTemplate })).toContain('uriTemplate')
    },
  )
})

test('callers are allowed by the ARN of a role, a user, an account or a role session', () => {
  const allow = [
    'arn:aws:iam::123456789012:role/agents-*',
    'arn:aws:iam::123456789012:role/path/to/role',
    'arn:aws-cn:iam::123456789012:user/dev',
    'arn:aws:iam::*:role/agent',
    'arn:aws:iam::123456789012:root',
    'arn:aws:sts::123456789012:assumed-role/agent/ann*',
  ]
  expect(placesIn({ ...resource, uri: 'a:b', allow })).toBeUndefined()
  const wrong = [
    '*',
    '123456789012',
    'arn:aws:iam::123456789012:role/',
    'arn:aws:iam::123456789012:group/a',
    'arn:aws:sts::123456789012:assumed-role/a',
    'arn:aws:iam::*:root',
    'arn:aws:iam::123456789012:role/path/*',
    'arn:aws:iam::123456789012:role/agent:root',
  ]
  expect(placesIn({ ...resource, uri: 'a:b', allow: wrong })).toEqual(
    wrong.map((_, n) => `allow/${n}`),
  )
})

test('icons are https: or data: images', () => {
  const sources = (...list: string[]) => ({
    ...resource,
    uri: 'a:b',
    icons: list.map(src => ({ src })),
  })
  expect(placesIn(sources('https://a/b.png', 'data:image/png;base64,AA=='))).toBeUndefined()
  expect(placesIn(sources('javascript:alert(1)', 'data:text/html,a', 'b.png', ''))).toHaveLength(4)
})
