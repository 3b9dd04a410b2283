import { randomUUID } from 'node:crypto'

import type { Registration } from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import {
  createRequestStateCodec,
  isInputRequiredResult,
  ProtocolError,
  ProtocolErrorCode,
  type ServerContext,
} from '@modelcontextprotocol/server'

import type { Caller } from '../../http/caller.ts'
import { withoutNulls } from '../wire/elicited-form.ts'
import { digestOf, type ExactParams } from './params-digest.ts'

/** What is signed: the request state of a function, and the request that it belongs to. */
interface SignedState {
  /** The id of the registration. */
  item: string
  /** The digest of the request's parameters: a state holds for the same arguments only. */
  params: string
  /** What the function returned as its request state. A function may ask without one. */
  state?: string | undefined
  /** The id of a state that can be used once. */
  once?: string | undefined
}

/**
 * Signs the `requestState` that a client of protocol version 2026-07-28 carries from one round to
 * the next. A signature holds for one caller, one method, one registration and the same
 * parameters, for ten minutes. The state is signed, not encrypted: the client can read it.
 * https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr
 */
export interface RequestStateSigner {
  sign(state: SignedState, ctx: ServerContext): Promise<string>
  /** Rejects a state that we did not sign. The SDK then responds -32602 without detail. */
  verify(signed: string, ctx: ServerContext): Promise<SignedState>
  /**
   * Whether a value is the result of `verify`. The client can send an object that looks like it.
   */
  isVerified(state: unknown): state is SignedState
  /** False where a state that can be used once was used before, in any environment. */
  use(id: string): Promise<boolean>
}

/**
 * The first key signs and all keys verify. To rotate keys, put the new key in front and remove the
 * old one ten minutes later.
 *
 * @param use records that a state was used; false where it was recorded before
 */
export function createRequestStateSigner(
  keys: () => Promise<string[]>,
  { owner }: Caller,
  use: (id: string) => Promise<boolean>,
): RequestStateSigner {
  const verified = new WeakSet<object>()
  const codecs = async () =>
    (await keys()).map(key =>
      createRequestStateCodec<SignedState>({
        key,
        bind: ({ mcpReq }) => `${owner} ${mcpReq.method}`,
      }),
    )

  return {
    use,
    async sign(state, ctx) {
      const [codec] = await codecs()
      if (!codec) throw new Error('There is no key to sign a requestState with')
      return codec.mint(state, ctx)
    },
    async verify(signed, ctx) {
      const state = await Promise.any((await codecs()).map(codec => codec.verify(signed, ctx)))
      verified.add(state)
      return state
    },
    isVerified: (state): state is SignedState =>
      typeof state === 'object' && state !== null && verified.has(state),
  }
}

/** What a function gets from the round before. In the first round there is nothing. */
interface Round {
  inputResponses?: Record<string, unknown> | undefined
  requestState?: string | undefined
}

/**
 * The rounds of one request that asks for input. A function gets input responses and a request
 * state only where the gateway knows that it asked for them. All others are dropped.
 */
export interface InputRounds {
  read(ctx: ServerContext): Promise<Round>
  /** The result as the client may see it, with its `requestState` signed. */
  sign<Result>(result: Result, ctx: ServerContext): Promise<Result>
}

/**
 * Protocol versions before 2026-07-28: the gateway asks the client itself, while the request runs.
 * What the request brings is dropped. The SDK runs the handler again with the same signal.
 *
 * @param asked the signals of the requests whose function has asked for input
 */
export function roundsInProcess(asked: WeakSet<AbortSignal>): InputRounds {
  return {
    async read({ mcpReq }) {
      if (!asked.has(mcpReq.signal)) return {}
      return { inputResponses: mcpReq.inputResponses, requestState: mcpReq.requestState<string>() }
    },
    async sign(result, { mcpReq }) {
      if (!isInputRequiredResult(result)) return result
      asked.add(mcpReq.signal)
      return withoutSingleUse(result)
    },
  }
}

/**
 * A registration with this member set to true in `_meta` takes responses to questions not asked
 * yet.
 */
const TAKES_EARLY_RESPONSES = 'mcp-lambda-sam/takesEarlyInputResponses'

/**
 * Protocol version 2026-07-28: each round is a request, and the client carries the signed state.
 */
export function roundsOverRequests(
  { id, _meta }: Registration,
  params: ExactParams,
  signer: RequestStateSigner,
): InputRounds {
  return {
    async read({ mcpReq }) {
      const inputResponses = mcpReq.inputResponses && withoutNulls(mcpReq.inputResponses)
      const state = mcpReq.requestState<unknown>()
      if (!signer.isVerified(state))
        return _meta?.[TAKES_EARLY_RESPONSES] === true ? { inputResponses } : {}
      if (state.item !== id || state.params !== digestOf(params)) throw refused(INVALID)
      if (state.once && !(await signer.use(state.once))) throw refused(USED)
      return { inputResponses, requestState: state.state }
    },
    async sign(result, ctx) {
      if (!isInputRequiredResult(result)) return result
      const { requestState: state } = result
      const once = isSingleUse(result) ? randomUUID() : undefined
      const signed = { item: id, params: digestOf(params), state, once }
      return { ...withoutSingleUse(result), requestState: await signer.sign(signed, ctx) }
    },
  }
}

const INVALID = 'Invalid or expired requestState'
const USED =
  'This requestState was used before, and it can be used once: send the request without it'

const refused = (message: string) => new ProtocolError(ProtocolErrorCode.InvalidParams, message)

/** A member for the gateway in the result of a function: `"singleUse": true`. */
const isSingleUse = (result: object) => 'singleUse' in result && result.singleUse === true

function withoutSingleUse<Result extends object>(result: Result): Result {
  const { singleUse: _, ...rest } = result as Result & { singleUse?: unknown }
  return rest as Result
}
