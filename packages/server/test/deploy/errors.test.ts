import { SIGNING_ERRORS } from '@markvp/mcp-lambda-sam-client/sigv4'
import { expect, test } from 'vitest'

import { DEPLOY_ERRORS, DeployError, toDeployError } from '../../src/deploy/errors.ts'

const awsError = (name: string, message = 'a message') =>
  Object.assign(new Error(message), {
    name,
    $metadata: { httpStatusCode: 400, requestId: 'request-1' },
  })

const networkError = (code: string) => Object.assign(new Error(`connect ${code} sts`), { code })

const NO_PROVIDER = Object.assign(new Error('Could not load credentials from any providers'), {
  name: 'CredentialsProviderError',
})
const EXPIRED_SSO = Object.assign(
  new Error("Token is expired. To refresh this SSO session run 'aws sso login'"),
  { name: 'TokenProviderError' },
)

test.each([
  [NO_PROVIDER, 'no_credentials'],
  [EXPIRED_SSO, 'expired_token'],
  [
    awsError('ExpiredToken', 'The security token included in the request is expired'),
    'expired_token',
  ],
  [awsError('ExpiredTokenException'), 'expired_token'],
  [awsError('InvalidClientTokenId'), 'invalid_credentials'],
  [awsError('UnrecognizedClientException'), 'invalid_credentials'],
  [awsError('InvalidAccessKeyId'), 'invalid_credentials'],
  [awsError('AuthFailure'), 'invalid_credentials'],
  [awsError('SignatureDoesNotMatch', 'The signature we calculated differs'), 'signature_mismatch'],
  [awsError('SignatureDoesNotMatch', 'Signature expired: a is now earlier than b'), 'clock_skew'],
  [awsError('RequestTimeTooSkewed'), 'clock_skew'],
  [
    awsError('AccessDenied', 'User: x is not authorized to perform: s3:CreateBucket'),
    'access_denied',
  ],
  [awsError('UnauthorizedOperation'), 'access_denied'],
  [awsError('Throttling', 'Rate exceeded'), 'rate_limited'],
  [awsError('ThrottlingException'), 'rate_limited'],
  [awsError('TooManyRequestsException'), 'rate_limited'],
  [awsError('ValidationError', 'Template error'), 'aws_error'],
  [networkError('ENOTFOUND'), 'connection_failed'],
  [networkError('ECONNREFUSED'), 'connection_failed'],
])('%s has the code %s', (error, code) => {
  expect(toDeployError(error)).toMatchObject({
    name: 'DeployError',
    code,
    message: error.message,
    hint: DEPLOY_ERRORS[code as keyof typeof DEPLOY_ERRORS],
    retryable: ['rate_limited', 'connection_failed'].includes(code),
    cause: error,
  })
})

test.each([
  'with an explicit deny in a service control policy',
  'because no permissions boundary allows the iam:CreateRole action',
  'because no service control policy allows the lambda:CreateFunction action',
])('a refusal %s does not ask for more permissions', reason => {
  const message = `User: x is not authorized to perform: it on resource: y ${reason}`
  expect(toDeployError(awsError('AccessDenied', message))).toMatchObject({
    code: 'access_denied',
    hint: expect.stringMatching(/^A policy that the message names limits/),
  })
})

test('a refusal because no policy of the identity allows it asks for permissions', () => {
  const message =
    'User: x is not authorized to perform: it because no identity-based policy allows the it action'
  expect(toDeployError(awsError('AccessDenied', message))).toMatchObject({
    hint: DEPLOY_ERRORS.access_denied,
  })
})

test('a profile with MFA has the command that asks for the code', () => {
  const message =
    'Profile x requires multi-factor authentication, but no MFA code callback was provided.'
  const error = Object.assign(new Error(message), { name: 'CredentialsProviderError' })
  expect(toDeployError(error)).toMatchObject({
    code: 'no_credentials',
    hint: expect.stringContaining('aws configure export-credentials'),
  })
})

test('an error of AWS keeps its status and request id', () => {
  expect(toDeployError(awsError('AccessDenied'))).toMatchObject({
    status: 400,
    requestId: 'request-1',
  })
})

test('an error without a message of its own shows its name', () => {
  expect(toDeployError(awsError('Forbidden', 'UnknownError')).message).toBe('Forbidden')
})

test('a cause that the client package names too has the same code and hint there', () => {
  const same = Object.keys(DEPLOY_ERRORS).filter(code => code in SIGNING_ERRORS)
  expect(same).toEqual(
    expect.arrayContaining([
      'access_denied',
      'clock_skew',
      'expired_token',
      'invalid_credentials',
      'missing_region',
      'no_credentials',
      'rate_limited',
      'signature_mismatch',
    ]),
  )
  // These two are about the AWS API here, and about the URL of a function there.
  for (const code of same.filter(code => !['access_denied', 'rate_limited'].includes(code)))
    expect(DEPLOY_ERRORS[code as keyof typeof DEPLOY_ERRORS]).toContain(
      SIGNING_ERRORS[code as keyof typeof SIGNING_ERRORS],
    )
})

test('no hint names a file that only the repository has', () => {
  for (const hint of Object.values(DEPLOY_ERRORS))
    expect(hint.replaceAll(/https:\S+/g, '')).not.toMatch(/\.md\b/)
})

test('a DeployError is returned as it is', () => {
  const error = new DeployError('invalid_option', 'no')
  expect(toDeployError(error)).toBe(error)
})

test('a bug of this program keeps its type and stack', () => {
  const error = new TypeError('x is not a function')
  expect(toDeployError(error)).toBe(error)
})
