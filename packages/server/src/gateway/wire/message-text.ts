import type { JSONRPCMessage } from '@modelcontextprotocol/server'

import { isResponse } from './jsonrpc.ts'

/**
 * The JSON text of a message. A response that cannot be written as JSON, because it is nested too
 * deep, becomes an error: its request still gets exactly one response.
 */
export function messageText(message: JSONRPCMessage): string {
  try {
    return JSON.stringify(message)
  } catch (error) {
    if (!isResponse(message)) throw error
    const text = 'The response cannot be written as JSON'
    return JSON.stringify({
      jsonrpc: '2.0',
      id: message.id,
      error: { code: -32_603, message: text },
    })
  }
}
