export type System = 'macos' | 'linux' | 'windows'

export interface Application {
  title: string
  /** Where the text goes, on each system. */
  place: Record<System, string>
  text(server: Server, name: string): string
}

/** How an application starts the bridge. */
export interface Server {
  command: string
  args: string[]
  env: Record<string, string>
}

const everywhere = (place: string) => ({ macos: place, linux: place, windows: place })
const json = (value: unknown) => JSON.stringify(value, null, 2)
const mcpServers = (server: Server, name: string) => json({ mcpServers: { [name]: server } })

/** The applications that can run the bridge, by the name that `--print-config` takes. */
export const APPLICATIONS: Record<string, Application> = {
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

const SYSTEMS: Record<string, System> = { darwin: 'macos', win32: 'windows' }

export const thisSystem = () => SYSTEMS[process.platform] ?? 'linux'

export function serverOf(system: System, own: string[], env: Record<string, string>): Server {
  const args = ['-y', '@markvp/mcp-lambda-sam-client', ...own]
  // On Windows npx is a batch file, which only cmd can start.
  if (system === 'windows') return { command: 'cmd', args: ['/c', 'npx', ...args], env }
  return { command: 'npx', args, env }
}
