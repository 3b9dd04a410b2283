/**
 * The protocol versions with `initialize`, newest first, as the SDK serves them. A test compares
 * them with the SDK, which is not loaded for most requests.
 */
export const INITIALIZE_PROTOCOL_VERSIONS = [
  '2025-11-25',
  '2025-06-18',
  '2025-03-26',
  '2024-11-05',
  '2024-10-07',
]

/** The protocol version without `initialize` and sessions. */
export const STATELESS_PROTOCOL_VERSION = '2026-07-28'
