import type { JSONRPCMessage } from '@modelcontextprotocol/server'

import { INTERNAL_ERROR } from '../../jsonrpc-error.ts'
import { isResponse } from './jsonrpc.ts'

/**
 * The JSON text of a message. A response that cannot be written as JSON, such as one that is nested
 * too deep, becomes an error: its request still gets exactly one response.
 */
export function messageText(message: JSONRPCMessage): string {
  try {
    return JSON.stringify(message)
  } catch (error) {
    if (!isResponse(message)) throw error
    const text = 'The result cannot be sent: it is nested too deep, or has a value that is not JSON'
    return JSON.stringify({
      jsonrpc: '2.0',
      id: message.id,
      error: { code: INTERNAL_ERROR, message: text },
    })
  }
}
