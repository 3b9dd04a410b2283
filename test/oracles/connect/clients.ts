/** How a block is run: see `programs.ts`. */
export type Runner =
  | ('node' | 'npm' | 'python1' | 'python2' | 'frameworks' | 'go' | 'rust')
  | ('printed' | 'configured' | 'curl' | 'awscurl')

export interface PageClient {
  /** In the comment above its block: `connect: BLOCK`. */
  block: string
  /** Its first column in the table. */
  title: string
  needs: Runner
  /** What is replaced in the block. */
  change?: [from: string, to: string]
  /** What is replaced in the block for HTTP+SSE; the page says so in prose. */
  sse?: [from: string, to: string][]
  /** The version with which the way of the block began. */
  from: string
  /** The file that pins the version which runs, and the name of the package there. */
  pinned?: [file: string, name: string]
}

const ROOT = 'package.json'
const SCRIPT = 'scripts/connect.mjs'
const FRAMEWORKS = 'scripts/python-frameworks-requirements.txt'
const GO = 'test/oracles/connect/go/go.mod'
const OUR_SSE: [string, string][] = [
  ['import { connect }', 'import { SigV4SseTransport }'],
  ['await connect(client, ', 'await client.connect(new SigV4SseTransport('],
  ["on.aws/')", "on.aws/'))"],
]
const URL_ONLY: [string, string][] = [['on.aws/mcp', 'on.aws/sse']]
const OFFICIAL: [string, string][] = [
  ['StreamableHTTPClientTransport', 'SSEClientTransport'],
  ...URL_ONLY,
]
const PYTHON_SSE: [string, string][] = [
  ['mcp.client.streamable_http import streamable_http_client', 'mcp.client.sse import sse_client'],
  ['streamable_http_client(URL, http_client=http)', 'sse_client(URL, auth=SigV4("eu-central-1"))'],
  ...URL_ONLY,
]

export const CLIENTS: PageClient[] = [
  {
    block: 'typescript-1',
    title: 'TypeScript SDK 1.x, `connect`',
    needs: 'node',
    sse: OUR_SSE,
    from: '1.10',
    pinned: [ROOT, '@modelcontextprotocol/sdk'],
  },
  {
    block: 'typescript-2',
    title: 'TypeScript SDK 2.x, `connect`',
    needs: 'node',
    sse: OUR_SSE,
    from: '2.0',
    pinned: [ROOT, '@modelcontextprotocol/client'],
  },
  {
    block: 'typescript-1-fetch',
    title: 'TypeScript SDK 1.x, `signedFetch`',
    needs: 'node',
    sse: [...OFFICIAL, ['client/streamableHttp.js', 'client/sse.js']],
    from: '1.15',
    pinned: [ROOT, '@modelcontextprotocol/sdk'],
  },
  {
    block: 'typescript-2-fetch',
    title: 'TypeScript SDK 2.x, `signedFetch`',
    needs: 'node',
    sse: OFFICIAL,
    from: '2.0',
    pinned: [ROOT, '@modelcontextprotocol/client'],
  },
  {
    block: 'ai-sdk',
    title: 'AI SDK',
    needs: 'npm',
    sse: [["type: 'http'", "type: 'sse'"], ...URL_ONLY],
    from: '1.0',
    pinned: [SCRIPT, '@ai-sdk/mcp'],
  },
  {
    block: 'mastra',
    title: 'Mastra',
    needs: 'npm',
    from: '2.0',
    pinned: [SCRIPT, '@mastra/mcp'],
  },
  {
    block: 'langchain-js',
    title: 'LangChain JS',
    needs: 'npm',
    sse: OUR_SSE,
    from: '1.1',
    pinned: [SCRIPT, '@langchain/mcp-adapters'],
  },
  {
    block: 'openai-agents-js',
    title: 'OpenAI Agents JS',
    needs: 'npm',
    sse: [['MCPServerStreamableHttp', 'MCPServerSSE'], ...URL_ONLY],
    from: '0.20',
    pinned: [SCRIPT, '@openai/agents'],
  },
  {
    block: 'python-mcp-1',
    title: 'Python `mcp` 1.x',
    needs: 'python1',
    sse: PYTHON_SSE,
    from: '1.24',
    pinned: ['scripts/python-mcp-1-requirements.txt', 'mcp'],
  },
  {
    block: 'python-mcp-2',
    title: 'Python `mcp` 2.x',
    needs: 'python2',
    sse: PYTHON_SSE,
    from: '2.3',
    pinned: ['scripts/python-mcp-2-requirements.txt', 'mcp'],
  },
  {
    block: 'fastmcp',
    title: 'FastMCP',
    needs: 'frameworks',
    sse: URL_ONLY,
    from: '2.14',
    pinned: [FRAMEWORKS, 'fastmcp'],
  },
  {
    block: 'langchain',
    title: 'LangChain',
    needs: 'frameworks',
    sse: [['"streamable_http"', '"sse"'], ...URL_ONLY],
    from: '0.3',
    pinned: [FRAMEWORKS, 'langchain-mcp-adapters'],
  },
  {
    block: 'strands',
    title: 'Strands',
    needs: 'frameworks',
    sse: PYTHON_SSE,
    from: '1.62',
    pinned: [FRAMEWORKS, 'strands-agents'],
  },
  {
    block: 'openai-agents',
    title: 'OpenAI Agents',
    needs: 'frameworks',
    sse: [['MCPServerStreamableHttp', 'MCPServerSse'], ...URL_ONLY],
    from: '0.24',
    pinned: [FRAMEWORKS, 'openai-agents'],
  },
  {
    block: 'pydantic-ai',
    title: 'Pydantic AI',
    needs: 'frameworks',
    sse: URL_ONLY,
    from: '2.68',
    pinned: [FRAMEWORKS, 'pydantic-ai-slim[mcp]'],
  },
  {
    block: 'mcp-proxy-for-aws',
    title: 'mcp-proxy-for-aws',
    needs: 'configured',
    from: '1.7',
    pinned: [FRAMEWORKS, 'mcp-proxy-for-aws'],
  },
  {
    block: 'go-sdk',
    title: 'go-sdk',
    needs: 'go',
    sse: [['mcp.StreamableClientTransport', 'mcp.SSEClientTransport'], ...URL_ONLY],
    from: '1.8',
    pinned: [GO, 'github.com/modelcontextprotocol/go-sdk'],
  },
  {
    block: 'mcp-go',
    title: 'mcp-go',
    needs: 'go',
    sse: [
      ['client.NewStreamableHttpClient', 'client.NewSSEMCPClient'],
      ['transport.WithHTTPBasicClient(signing)', 'client.WithHTTPClient(signing)'],
      ['\t"github.com/mark3labs/mcp-go/client/transport"\n', ''],
      ...URL_ONLY,
    ],
    from: '1.2',
    pinned: [GO, 'github.com/mark3labs/mcp-go'],
  },
  {
    block: 'rmcp',
    title: 'Rust `rmcp`, by the bridge',
    needs: 'rust',
    sse: [['client"]', 'client", "--transport", "sse"]']],
    from: '3.11',
    pinned: ['test/oracles/connect/rust/Cargo.toml', 'rmcp'],
  },
  ...(
    [
      ['claude', 'Claude Desktop'],
      ['claude-code', 'Claude Code'],
      ['cursor', 'Cursor'],
      ['vscode', 'VS Code'],
      ['windsurf', 'Windsurf'],
    ] as const
  ).map(
    ([application, title]): PageClient => ({
      block: 'desktop',
      title: `${title}, by the bridge`,
      needs: 'printed',
      change: ['--print-config claude', `--print-config ${application}`],
      sse: [['on.aws/', 'on.aws/ --transport sse']],
      from: 'any',
    }),
  ),
  { block: 'curl', title: 'curl', needs: 'curl', from: '7.75' },
  {
    block: 'awscurl',
    title: 'awscurl',
    needs: 'awscurl',
    from: '0.44',
    pinned: ['test/docs/awscurl.ts', 'awscurl'],
  },
]
