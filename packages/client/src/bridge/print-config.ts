import { resolve } from 'node:path'

import { APPLICATIONS, serverOf, thisSystem } from './applications.ts'
import type { CommandLine } from './command-line.ts'
import { UsageError } from './usage-error.ts'

/** What to paste goes to stdout; where to paste it is for the person, so the caller prints it. */
export interface PrintedConfig {
  text: string
  place: string
}

/** @throws UsageError */
export function configFor(line: CommandLine): PrintedConfig {
  const { flags, url, profile, region, transport, timeoutMs, logLevel, logFile, headers } = line
  const asked = flags['print-config'] ?? ''
  const application = Object.hasOwn(APPLICATIONS, asked) ? APPLICATIONS[asked] : undefined
  if (!application)
    throw new UsageError(`--print-config takes ${Object.keys(APPLICATIONS).join(', ')}`)
  const system = flags.os ?? thisSystem()
  if (system !== 'macos' && system !== 'linux' && system !== 'windows')
    throw new UsageError(`--os takes macos, linux or windows, not "${system}"`)

  const args = [url.href]
  if (transport !== 'auto') args.push('--transport', transport)
  if (timeoutMs !== undefined) args.push('--timeout', `${timeoutMs / 1_000}`)
  if (logLevel !== 'warn') args.push('--log-level', logLevel)
  // Applications start the bridge in a folder of their own.
  if (logFile !== undefined)
    args.push('--log-file', system === thisSystem() ? resolve(logFile) : logFile)
  for (const [name, value] of headers) args.push('--header', `${name}: ${value}`)
  const AWS_PROFILE = profile ?? process.env['AWS_PROFILE']
  // Applications inherit no shell, so the profile must be named.
  const env = { ...(AWS_PROFILE && { AWS_PROFILE }), ...(region && { AWS_REGION: region }) }
  const server = serverOf(system, args, env)
  const { title, place } = application
  return {
    text: application.text(server, flags.name ?? 'gateway'),
    place: `For ${title}, in ${place[system]}`,
  }
}
