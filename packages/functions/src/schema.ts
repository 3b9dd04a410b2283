import type { FromJson } from './inferred-types.ts'

/**
 * The interface of zod, valibot, ArkType and other schema libraries. Some libraries have
 * `jsonSchema` in a package of its own. Copied, as https://standardschema.dev/schema and
 * /json-schema suggest.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => Validated<Output> | Promise<Validated<Output>>
    readonly types?: { readonly input: Input; readonly output: Output } | undefined
    readonly jsonSchema?: Record<'input' | 'output', (options: { target: string }) => object>
  }
}

type Validated<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly Issue[] }

interface Issue {
  readonly message: string
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined
}

declare const value: unique symbol

/**
 * A JSON Schema. The type of the values is inferred from a literal. For other schemas, name the
 * type: `schema as JsonSchema<{ city: string }>`.
 */
export interface JsonSchema<Value = unknown> {
  readonly [keyword: string]: unknown
  readonly [value]?: Value
}

export type Schema = StandardSchema | JsonSchema

/** The input of a schema. Some libraries convert it or add defaults, which gives `OutputOf`. */
export type InputOf<S> =
  S extends StandardSchema<infer Input, unknown> ? Input : ValueOf<S, Record<string, unknown>>

export type OutputOf<S> =
  S extends StandardSchema<unknown, infer Output> ? Output : ValueOf<S, Record<string, unknown>>

type ValueOf<S, Otherwise> =
  S extends JsonSchema<infer Named>
    ? unknown extends Named
      ? unknown extends FromJson<S>
        ? Otherwise
        : FromJson<S>
      : Named
    : Otherwise

export const isStandard = (schema: Schema): schema is StandardSchema => '~standard' in schema

/**
 * Validates a value. Resolves with the value that the schema makes of it, or with its faults, each
 * with its path. Plain JSON Schema accepts every value here: the gateway has checked it.
 */
export async function validate(
  schema: Schema | undefined,
  value: unknown,
): Promise<{ value: unknown } | { faults: string }> {
  if (!schema || !isStandard(schema)) return { value }
  const result = await schema['~standard'].validate(value)
  return result.issues ? { faults: formatIssues(result.issues) } : { value: result.value }
}

function formatIssues(issues: readonly Issue[]): string {
  const pathOf = ({ path = [] }: Issue) =>
    path.map(step => String(typeof step === 'object' ? step.key : step)).join('.')
  return issues.map(it => [pathOf(it), it.message].filter(Boolean).join(': ')).join('; ')
}

/**
 * Converts a schema to the JSON Schema of an object. Throws a `TypeError` with the fix if its
 * library cannot convert it. The message needs `where`, the name of the schema, and `beside`,
 * the field that takes the JSON Schema instead.
 */
export function toJsonSchema(
  schema: Schema,
  side: 'input' | 'output',
  where: string,
  beside: string,
): { type: 'object'; [keyword: string]: unknown } {
  const json = isStandard(schema) ? convert(schema, side, where, beside) : { ...schema }
  const [inside] = Object.values(json).filter(isSchemaOfLibrary)
  if (inside)
    throw new TypeError(
      `${where} is an object of schemas of ${inside['~standard'].vendor}, and no schema itself: make an object schema of it, such as z.object({ … }) of zod`,
    )
  // A union of objects has the type in its branches only. Arguments and outputs are always objects.
  const { type = 'object' } = json as { type?: unknown }
  if (type !== 'object')
    throw new TypeError(`${where} describes a value of the type "${type}"; it must be an object`)
  return { ...json, type }
}

/** Schemas of some libraries are functions. */
const isSchemaOfLibrary = (it: unknown): it is StandardSchema =>
  ((typeof it === 'object' && it !== null) || typeof it === 'function') && '~standard' in it

function convert(
  { '~standard': { vendor, jsonSchema } }: StandardSchema,
  side: 'input' | 'output',
  where: string,
  beside: string,
): object {
  const fix = `give the JSON Schema in "${beside}" beside it`
  if (!jsonSchema) {
    throw new TypeError(
      `${where} is a schema of ${vendor}, which cannot be converted to JSON Schema (no "~standard".jsonSchema): ${ALTERNATIVES[vendor] ?? ''}${fix}`,
    )
  }
  try {
    return jsonSchema[side]({ target: 'draft-2020-12' })
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new TypeError(`${where} cannot be converted to JSON Schema (${reason}): ${fix}`, {
      cause,
    })
  }
}

const ALTERNATIVES: Record<string, string> = {
  valibot: 'wrap it in toStandardJsonSchema of @valibot/to-json-schema, or ',
  zod: 'update zod to 4.2 or later, or ',
}
