import type { CommandLine } from './command-line.ts'
import { UsageError } from './usage-error.ts'

type System = 'macos' | 'linux' | 'windows'

interface Application {
  title: string
  /** Where the text goes, on each system. */
  place: Record<System, string>
  text(server: Server, name: string): string
}

interface Server {
  command: string
  args: string[]
  env: Record<string, string>
}

const everywhere = (place: string) => ({ macos: place, linux: place, windows: place })
const json = (value: unknown) => JSON.stringify(value, null, 2)
const mcpServers = (server: Server, name: string) => json({ mcpServers: { [name]: server } })

const APPLICATIONS: Record<string, Application> = {
  claude: {
    title: 'Claude Desktop',
    place: {
      macos: '~/Library/Application Support/Claude/claude_desktop_config.json',
      linux: '~/.config/Claude/claude_desktop_config.json',
      windows: '%APPDATA%\\Claude\\claude_desktop_config.json',
    },
    text: mcpServers,
  },
  'claude-code': {
    title: 'Claude Code',
    place: everywhere('.mcp.json in the folder of the project'),
    text: (server, name) => json({ mcpServers: { [name]: { type: 'stdio', ...server } } }),
  },
  cursor: {
    title: 'Cursor',
    place: {
      macos: '~/.cursor/mcp.json, or .cursor/mcp.json in the project',
      linux: '~/.cursor/mcp.json, or .cursor/mcp.json in the project',
      windows: '%USERPROFILE%\\.cursor\\mcp.json, or .cursor\\mcp.json in the project',
    },
    text: mcpServers,
  },
  vscode: {
    title: 'VS Code',
    place: everywhere('.vscode/mcp.json in the project, or "MCP: Open User Configuration"'),
    text: (server, name) => json({ servers: { [name]: { type: 'stdio', ...server } } }),
  },
  windsurf: {
    title: 'Windsurf',
    place: {
      macos: '~/.codeium/windsurf/mcp_config.json',
      linux: '~/.codeium/windsurf/mcp_config.json',
      windows: '%USERPROFILE%\\.codeium\\windsurf\\mcp_config.json',
    },
    text: mcpServers,
  },
  inspector: {
    title: 'the MCP Inspector',
    place: everywhere('mcp.json; then: npx @modelcontextprotocol/inspector --config mcp.json'),
    text: (server, name) => json({ mcpServers: { [name]: { type: 'stdio', ...server } } }),
  },
}

/** What to paste goes to stdout; where to paste it is for the person, so the caller prints it. */
export interface PrintedConfig {
  text: string
  place: string
}

const SYSTEMS: Record<string, System> = { darwin: 'macos', win32: 'windows' }

/** @throws UsageError */
export function configFor({
  flags,
  url,
  profile,
  region,
  transport,
  headers,
}: CommandLine): PrintedConfig {
  const application = APPLICATIONS[flags['print-config'] ?? '']
  if (!application)
    throw new UsageError(`--print-config takes ${Object.keys(APPLICATIONS).join(', ')}`)
  const system = flags.os ?? SYSTEMS[process.platform] ?? 'linux'
  if (system !== 'macos' && system !== 'linux' && system !== 'windows')
    throw new UsageError(`--os takes macos, linux or windows, not "${system}"`)

  const args = ['-y', '@markvp/mcp-lambda-sam-client', url.href]
  if (transport !== 'auto') args.push('--transport', transport)
  for (const [name, value] of headers) args.push('--header', `${name}: ${value}`)
  const AWS_PROFILE = profile ?? process.env['AWS_PROFILE']
  // Applications inherit no shell, so the profile must be named.
  const env = { ...(AWS_PROFILE && { AWS_PROFILE }), ...(region && { AWS_REGION: region }) }
  // On Windows npx is a batch file, which only cmd can start.
  const server =
    system === 'windows'
      ? { command: 'cmd', args: ['/c', 'npx', ...args], env }
      : { command: 'npx', args, env }
  const { title, place } = application
  return {
    text: application.text(server, flags.name ?? 'gateway'),
    place: `For ${title}, in ${place[system]}`,
  }
}
