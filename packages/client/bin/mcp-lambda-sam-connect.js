#!/usr/bin/env node
// The path is computed, so that the type check does not read the built file.
await import(new URL('../dist/bridge/connect.js', import.meta.url).href)
