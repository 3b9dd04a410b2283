import { readFileSync } from 'node:fs'

import { ERROR_CODES } from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import { registrationInput } from '@markvp/mcp-lambda-sam-admin-client/schemas'
import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import * as z from 'zod'

import { resourcePolicyPermissions } from '../../src/registration/invoke-permission/resource-policy.ts'
import { startDynamo } from '../support/dynamodb.ts'
import { registrationUrl } from '../support/registration-url.ts'

type Json = { [key: string]: unknown }

const lambdaArn = 'arn:aws:lambda:us-east-1:123456789012:function:notes'
const today = { type: 'resource', name: 'today', lambdaArn, uri: 'notes://today' }

const document = parse(
  readFileSync(new URL('../../../../docs/openapi.yaml', import.meta.url), 'utf8'),
)
const { schemas } = document.components as { schemas: Record<string, Json> }

describe('docs/openapi.yaml', () => {
  test('describes every field that the server validates', () => {
    const { oneOf } = z.toJSONSchema(registrationInput, { io: 'input' }) as { oneOf: Json[] }
    expect(plain(resolved(schemas['RegistrationInput']))).toEqual({ oneOf: oneOf.map(plain) })
  })

  test('has every method of every path', async () => {
    const emulator = await startDynamo()
    const call = registrationUrl(emulator)
    for (const [path, operations] of Object.entries(document.paths as Record<string, Json>)) {
      const { headers } = await call('OPTIONS', path.replace('{id}', 'tool-a'))
      const methods = Object.keys(operations).filter(key => key !== 'parameters')
      expect(methods.map(method => method.toUpperCase()).toSorted()).toEqual(
        headers['allow']?.split(', ').toSorted(),
      )
    }
    await emulator.close()
  })

  test('describes the responses of the server', async () => {
    const emulator = await startDynamo()
    const call = registrationUrl(emulator)
    const faultsOf = validator()
    const examples: Record<string, { value: Json }> =
      document.paths['/register'].post.requestBody.content['application/json'].examples
    for (const { value } of Object.values(examples)) {
      expect(faultsOf('RegistrationInput', { body: value })).toBeNull()
      const created = await call('POST', '/register', { ...value, description: '' })
      expect(created).toMatchObject({ status: 201, body: { warnings: [expect.any(String)] } })
      expect(faultsOf('RegistrationResponse', created)).toBeNull()
      const id = `${value['type']}-${value['name']}`
      expect(faultsOf('RegistrationResponse', await call('GET', `/register/${id}`))).toBeNull()
      expect(
        faultsOf('RegistrationResponse', await call('POST', `/register/${id}/repair`)),
      ).toBeNull()
    }
    const { batch } = Object.fromEntries([
      ['batch', document.paths['/register:batch'].post.requestBody.content['application/json']],
    ])
    const { value } = batch.examples.changes
    expect(faultsOf('Batch', { body: value })).toBeNull()
    for (const query of ['?dryRun=true', '']) {
      const [create] = value.changes
      const changes = [{ put: { ...create.put, title: 'T' }, ifMatch: '*' }, value.changes[1]]
      const applied = await call('POST', `/register:batch${query}`, { changes })
      expect(applied.status).toBe(200)
      expect(faultsOf('BatchResponse', applied)).toBeNull()
    }
    const again = { ...today, title: 'T' }
    for (const query of ['?dryRun=true', '', '']) {
      const put = await call('PUT', `/register/resource-today${query}`, again)
      expect(faultsOf('RegistrationResponse', put)).toBeNull()
    }
    await call('DELETE', '/register/resource-today')
    const page = await call('GET', '/register?limit=1')
    expect(page.body.nextCursor).toEqual(expect.any(String))
    expect(faultsOf('RegistrationPage', page)).toBeNull()
    const { post } = document.paths['/register/{id}/updated']
    const { uri, uriTemplate } = post.requestBody.content['application/json'].examples
    await call('POST', '/register', today)
    for (const [id, { value }] of Object.entries({ today: uri, note: uriTemplate })) {
      expect(faultsOf('Update', { body: value })).toBeNull()
      const announced = await call('POST', `/register/resource-${id}/updated`, value)
      expect(announced.status).toBe(202)
      expect(faultsOf('ResourceUpdate', announced)).toBeNull()
    }
    const refused = {
      template: await call('POST', '/register/resource-note/updated', { uri: 'notes://7/8' }),
      tool: await call('POST', '/register/tool-csv-statistics/updated'),
    }
    for (const [name, { body }] of Object.entries(refused)) {
      expect(faultsOf('Error', { body })).toBeNull()
      const { value } = post.responses['400'].content['application/json'].examples[name]
      const { requestId } = body.error
      expect({ error: { ...value.error, requestId } }).toEqual(body)
    }
    expect(faultsOf('Error', await call('POST', '/register', { foo: 1 }))).toBeNull()
    expect(faultsOf('Error', await call('GET', '/nowhere'))).toBeNull()
    await emulator.close()
  })

  test('describes the responses for a function in another account', async () => {
    const emulator = await startDynamo()
    const lambda = () => expect.fail('Lambda is called')
    const permissions = resourcePolicyPermissions(lambda, 'arn:aws:iam::000000000000:role/gateway')
    const call = registrationUrl(emulator, permissions)
    const faultsOf = validator()
    const created = await call('POST', '/register', today)
    expect(created.body.status).toMatchObject({ state: 'other_account', policies: {} })
    expect(faultsOf('RegistrationResponse', created)).toBeNull()
    const removed = await call('DELETE', '/register/resource-today')
    expect(removed.status).toBe(200)
    expect(faultsOf('Removal', removed)).toBeNull()
    await emulator.close()
  })

  test('lists every error code', () => {
    expect(schemas['ErrorCode']?.['enum']).toEqual(ERROR_CODES)
  })
})

/** Validates bodies by the schemas of the document. */
function validator() {
  const ajv = new Ajv2020({ strict: false, allErrors: true }).addSchema(document, 'openapi')
  formats.default(ajv)
  return (schema: string, { body }: { body: unknown }) => {
    const validate = ajv.compile({ $ref: `openapi#/components/schemas/${schema}` })
    return validate(body) ? null : validate.errors
  }
}

/** With every reference replaced by what it refers to. */
function resolved(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(resolved)
  if (typeof node !== 'object' || node === null) return node
  const { $ref, ...rest } = node as Json
  const target = typeof $ref === 'string' ? schemas[$ref.replace('#/components/schemas/', '')] : {}
  return Object.fromEntries(
    Object.entries({ ...target, ...rest }).map(([key, value]) => [key, resolved(value)]),
  )
}

/** What a schema demands, without words for people and without what says nothing. */
function plain(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(plain)
  if (typeof node !== 'object' || node === null) return node
  return Object.fromEntries(
    Object.entries(node)
      .filter(([key, value]) => !isSilent(key, value))
      .map(([key, value]) => [
        key,
        // Its keys are names of fields, and one of them is "description".
        key === 'properties' ? fields(value as Json) : plain(value),
      ]),
  )
}

const fields = (properties: Json) =>
  Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, plain(schema)]))

function isSilent(key: string, value: unknown): boolean {
  if (key === 'description' || key === 'examples') return true
  if (key === 'propertyNames') return true // every key of a JSON object is a string
  if (key === 'additionalProperties') return value !== false
  return key === 'maximum' && value === Number.MAX_SAFE_INTEGER
}
