import type { Registration } from '@markvp/mcp-lambda-sam-admin-client/api-schema'
import {
  createRequestStateCodec,
  isInputRequiredResult,
  ProtocolError,
  ProtocolErrorCode,
  type ServerContext,
} from '@modelcontextprotocol/server'

import type { Caller } from '../../http/caller.ts'

/** What a function left with its client between two rounds, and of which registration it was. */
interface LeftState {
  item: string
  state: string
}

/**
 * Seals the `requestState` that a client of revision 2026-07-28 carries from one round to the next, so that only
 * what we gave to this caller, for this registration, is taken back. Signed, not encrypted: the client can read it.
 * https://modelcontextprotocol.io/specification/2026-07-28/basic/patterns/mrtr
 */
export interface StateSeal {
  seal(left: LeftState, ctx: ServerContext): Promise<string>
  /** Rejects anything else; the SDK answers -32602 then, without detail. */
  verify(sealed: string, ctx: ServerContext): Promise<LeftState>
}

/** The first key signs, all verify: a new one is put in front, and the old one taken away ten minutes later. */
export function stateSeal(keys: () => Promise<string[]>, { owner }: Caller): StateSeal {
  const codecs = async () =>
    (await keys()).map(key =>
      createRequestStateCodec<LeftState>({
        key,
        bind: ({ mcpReq }) => `${owner} ${mcpReq.method}`,
      }),
    )

  return {
    async seal(left, ctx) {
      const [codec] = await codecs()
      if (!codec) throw new Error('there is no key to sign a requestState with')
      return codec.mint(left, ctx)
    },
    async verify(sealed, ctx) {
      return Promise.any((await codecs()).map(codec => codec.verify(sealed, ctx)))
    },
  }
}

/** The states of one registration, on their way out to its client and back in. */
export interface LeftStates {
  /** What the function left in the round before; undefined in the first. */
  open(ctx: ServerContext): string | undefined
  seal<Result>(result: Result, ctx: ServerContext): Promise<Result>
}

/** Without a seal the state never leaves this process: the SDK keeps it while it asks the client. */
export function leftState({ id }: Registration, seal: StateSeal | undefined): LeftStates {
  return {
    open({ mcpReq }) {
      const left = mcpReq.requestState<LeftState | string>()
      if (typeof left !== 'object') return left
      if (left.item === id) return left.state
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, 'Invalid or expired requestState')
    },
    async seal(result, ctx) {
      if (!seal || !isInputRequiredResult(result) || result.requestState === undefined)
        return result
      const requestState = await seal.seal({ item: id, state: result.requestState }, ctx)
      return { ...result, requestState }
    },
  }
}
