import { vi } from 'vitest'

// A condition may take its time on a busy machine: by default vitest gives one second.
const { waitUntil, waitFor } = vi
vi.waitUntil = (condition, options = 20_000) => waitUntil(condition, options)
vi.waitFor = (check, options = 20_000) => waitFor(check, options)
