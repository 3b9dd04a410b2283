import type { FromJson } from './inferred-types.ts'

/**
 * What zod, valibot, ArkType and others implement. `jsonSchema` is the newer half, which some of them bring in a
 * package of its own. Copied, as https://standardschema.dev/schema and /json-schema suggest.
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
 * A JSON Schema. Where it is a literal, the types of the values follow from it; where it is not, or where it says
 * more than types can, name them: `schema as JsonSchema<{ city: string }>`.
 */
export interface JsonSchema<Value = unknown> {
  readonly [keyword: string]: unknown
  readonly [value]?: Value
}

export type Schema = StandardSchema | JsonSchema

/** What is sent to a schema. Some libraries convert it or fill in defaults on the way to `OutputOf`. */
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
 * The value as the schema gives it, or what is wrong with it, one part per fault that names the place. Plain JSON
 * Schema takes everything: the gateway has checked it.
 */
export async function validate(
  schema: Schema | undefined,
  value: unknown,
): Promise<{ value: unknown } | { faults: string }> {
  if (!schema || !isStandard(schema)) return { value }
  const result = await schema['~standard'].validate(value)
  return result.issues ? { faults: places(result.issues) } : { value: result.value }
}

function places(issues: readonly Issue[]): string {
  const place = ({ path = [] }: Issue) =>
    path.map(step => String(typeof step === 'object' ? step.key : step)).join('.')
  return issues.map(it => [place(it), it.message].filter(Boolean).join(': ')).join('; ')
}

/**
 * A schema as JSON Schema of an object. Throws where its library cannot write it as such, with what to do about
 * it: `where` names the schema, `beside` the field to write it into by hand.
 */
export function toJsonSchema(
  schema: Schema,
  side: 'input' | 'output',
  where: string,
  beside: string,
): { type: 'object'; [keyword: string]: unknown } {
  const json = isStandard(schema) ? written(schema, side, where, beside) : { ...schema }
  // A union of objects says so in its branches only; what is given and answered are objects all the same.
  const { type = 'object' } = json as { type?: unknown }
  if (type !== 'object')
    throw new TypeError(`${where} describes a value of the type "${type}"; it must be an object`)
  return { ...json, type }
}

function written(
  { '~standard': { vendor, jsonSchema } }: StandardSchema,
  side: 'input' | 'output',
  where: string,
  beside: string,
): object {
  const fix = `give the JSON Schema in "${beside}" beside it`
  if (!jsonSchema) {
    throw new TypeError(
      `${where} is a schema of ${vendor}, which does not write itself as JSON Schema (no "~standard".jsonSchema): ${OTHERWISE[vendor] ?? ''}${fix}`,
    )
  }
  try {
    return jsonSchema[side]({ target: 'draft-2020-12' })
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new TypeError(`${where} cannot be written as JSON Schema (${reason}): ${fix}`, { cause })
  }
}

const OTHERWISE: Record<string, string> = {
  valibot: 'wrap it in toStandardJsonSchema of @valibot/to-json-schema, or ',
  zod: 'update zod to 4.2 or later, or ',
}
