import type { Registration } from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import {
  createRequestStateCodec,
  isInputRequiredResult,
  ProtocolError,
  ProtocolErrorCode,
  type ServerContext,
} from '@modelcontextprotocol/server'

import type { Caller } from '../../http/caller.ts'

/** The request state of a function, with the id of its registration. */
interface FunctionState {
  item: string
  state: string
}

/**
 * Signs the `requestState` that a client of protocol version 2026-07-28 carries from one round to
 * the next. A signature holds for one caller, one method and one registration. The state is signed,
 * not encrypted: the client can read it.
 * https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr
 */
export interface RequestStateSigner {
  sign(state: FunctionState, ctx: ServerContext): Promise<string>
  /** Rejects a state that we did not sign. The SDK then responds -32602 without detail. */
  verify(signed: string, ctx: ServerContext): Promise<FunctionState>
}

/**
 * The first key signs and all keys verify. To rotate keys, put the new key in front and remove the
 * old one ten minutes later.
 */
export function createRequestStateSigner(
  keys: () => Promise<string[]>,
  { owner }: Caller,
): RequestStateSigner {
  const codecs = async () =>
    (await keys()).map(key =>
      createRequestStateCodec<FunctionState>({
        key,
        bind: ({ mcpReq }) => `${owner} ${mcpReq.method}`,
      }),
    )

  return {
    async sign(state, ctx) {
      const [codec] = await codecs()
      if (!codec) throw new Error('There is no key to sign a requestState with')
      return codec.mint(state, ctx)
    },
    async verify(signed, ctx) {
      return Promise.any((await codecs()).map(codec => codec.verify(signed, ctx)))
    },
  }
}

/** The request state of one registration. */
export interface RequestState {
  /** The state that the function returned in the previous round; undefined in the first round. */
  read(ctx: ServerContext): string | undefined
  /** The result with its `requestState` signed. */
  sign<Result>(result: Result, ctx: ServerContext): Promise<Result>
}

/** Without a signer the SDK keeps the state in this process while it asks the client. */
export function requestStateOf(
  { id }: Registration,
  signer: RequestStateSigner | undefined,
): RequestState {
  return {
    read({ mcpReq }) {
      const state = mcpReq.requestState<FunctionState | string>()
      if (typeof state !== 'object') return state
      if (state.item === id) return state.state
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, 'Invalid or expired requestState')
    },
    async sign(result, ctx) {
      if (!signer || !isInputRequiredResult(result) || result.requestState === undefined)
        return result
      const requestState = await signer.sign({ item: id, state: result.requestState }, ctx)
      return { ...result, requestState }
    },
  }
}
