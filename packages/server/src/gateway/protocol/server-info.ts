import type { Implementation } from '@modelcontextprotocol/server'

import { version } from '../../version.ts'

/** What the gateway calls itself. */
export const serverInfo: Implementation = { name: 'mcp-lambda-sam', version }
