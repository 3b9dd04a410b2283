#!/usr/bin/env node
// The path is computed, so that the type check does not read the built file.
const { main } = await import(new URL('../dist/cli.js', import.meta.url).href)

process.exitCode = await main(process.argv.slice(2))
