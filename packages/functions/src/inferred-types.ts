/** The type of the values that a JSON Schema literal allows, or `unknown`. */
export type FromJson<S> = S extends { const: infer Value }
  ? Value
  : S extends { enum: readonly (infer Value)[] }
    ? Value
    : S extends { oneOf: readonly { const: infer Value }[] }
      ? Value
      : S extends { anyOf: readonly { const: infer Value }[] }
        ? Value
        : S extends { type: keyof Primitives }
          ? Primitives[S['type']]
          : S extends { type: 'array' }
            ? (S extends { items: infer Items } ? FromJson<Items> : unknown)[]
            : S extends { type: 'object' }
              ? FromProperties<S>
              : unknown

interface Primitives {
  string: string
  number: number
  integer: number
  boolean: boolean
  null: null
}

type FromProperties<S> = S extends { properties: infer P }
  ? Flat<
      { -readonly [K in keyof P as K extends Required<S> ? K : never]: FromJson<P[K]> } & {
        -readonly [K in keyof P as K extends Required<S> ? never : K]?: FromJson<P[K]>
      }
    >
  : Record<string, unknown>

type Required<S> = S extends { required: readonly (infer Name)[] } ? Name : never

/** Makes editors show one object instead of an intersection. */
type Flat<T> = { [K in keyof T]: T[K] }

/**
 * The variables of a URI template literal. Each is a string. An exploded one (`{path*}`) with
 * several values is a list.
 */
export type VariablesOf<Template extends string> = string extends Template
  ? Record<string, string | string[]>
  : Flat<FromTemplate<Template>>

type FromTemplate<Template> = Template extends `${string}{${infer Expression}}${infer Rest}`
  ? FromNames<Expression extends `${Operator}${infer Names}` ? Names : Expression> &
      FromTemplate<Rest>
  : unknown

type Operator = '+' | '#' | '.' | '/' | '?' | '&'

type FromNames<Names> = Names extends `${infer First},${infer Others}`
  ? FromNames<First> & FromNames<Others>
  : Names extends `${infer Name}*`
    ? { [K in Name]: string | string[] }
    : Names extends string
      ? { [K in Names]: string }
      : never
