import type { ServerCapabilities } from '@modelcontextprotocol/server'

export interface CapabilityOptions {
  /** Whether clients may be notified of changes. */
  serverPush: boolean
  /** Whether functions may log. Protocol version 2026-07-28 deprecates it. */
  logging: boolean
}

/** Without push a client opens no stream for notifications, and costs nothing when it is idle. */
export const capabilitiesOf = ({ serverPush, logging }: CapabilityOptions): ServerCapabilities => ({
  tools: serverPush ? { listChanged: true } : {},
  resources: serverPush ? { listChanged: true, subscribe: true } : {},
  prompts: serverPush ? { listChanged: true } : {},
  completions: {},
  ...(logging && { logging: {} }),
})
