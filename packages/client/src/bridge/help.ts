export const HELP = `mcp-lambda-sam-connect [options] <url>              serve a host on stdin and stdout
mcp-lambda-sam-connect --http [port] [options] <url>  sign for HTTP clients on 127.0.0.1
mcp-lambda-sam-connect list [url]                     list tools, resources and prompts
mcp-lambda-sam-connect call [url] <tool> [key=value | key:=JSON]… [--args <JSON> | -]
mcp-lambda-sam-connect read [url] <uri>
mcp-lambda-sam-connect prompt [url] <name> [key=value]…
mcp-lambda-sam-connect complete [url] <prompt or uriTemplate> <argument> [text]
mcp-lambda-sam-connect --print-config <app> <url>     print what to paste into an application

Connects MCP clients that cannot sign to a gateway that wants AWS Signature Version 4.
<url> is the McpUrl of the stack, with or without /mcp or /sse. MCP_URL takes its place.

Options, and the variables that take their place
  --profile <name>       profile of the AWS configuration (AWS_PROFILE)
  --region <name>        region, where the host of the URL names none (AWS_REGION)
  --header <name: value> send this header too; can be repeated (MCP_CONNECT_HEADERS, one a line)
  --log-level <level>    silent, error, warn, info or debug (MCP_CONNECT_LOG_LEVEL; default: warn)
  --log-file <path>      write the log to this file instead of stderr (MCP_CONNECT_LOG_FILE)

Without --http
  --transport <name>     auto, http or sse (MCP_CONNECT_TRANSPORT; default: auto)
  --timeout <seconds>    fail a request without a response after this time
                         (MCP_CONNECT_TIMEOUT; default: none)

With --http
  --token <token>        what clients send as "Authorization: Bearer …" (MCP_CONNECT_TOKEN;
                         default: a random one, printed at the start)
  --no-token             let every program on this machine use the proxy

With list, call, read, prompt and complete
  --json                 print the result of MCP as JSON, and nothing else, on stdout
  --args <JSON>          all arguments as one JSON object; - reads it from stdin
  --output <folder>      where images and other files are written (default: the current folder)

With --print-config
  <app>                  claude, claude-code, cursor, vscode, windsurf or inspector
  --os <name>            macos, linux or windows (default: this one)
  --name <name>          what the application calls the server (default: gateway)

  --help, --version

A loopback URL is signed with the key of "mcp-lambda-sam local", unless a profile or AWS
credentials are given.

Exit codes
  0    done
  1    the request failed, or the gateway cannot be used
  2    the command line is wrong
  3    the tool ran and reported an error
  4    a question of the tool was not answered
  130  stopped with Ctrl-C`
