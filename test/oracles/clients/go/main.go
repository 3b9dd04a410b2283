// A client of a Go SDK that connects, lists and calls, and stays until its input ends.
//
//	stay go-sdk|mcp-go URL
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"

	mcpgo "github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	mcpgotypes "github.com/mark3labs/mcp-go/mcp"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

func main() {
	run := map[string]func(context.Context, string) (func() error, error){
		"go-sdk": goSDK,
		"mcp-go": mcpGo,
	}[os.Args[1]]
	close, err := run(context.Background(), os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
	close()
}

func goSDK(ctx context.Context, url string) (func() error, error) {
	client := mcp.NewClient(&mcp.Implementation{Name: "stay", Version: "1.0.0"}, nil)
	session, err := client.Connect(ctx, &mcp.StreamableClientTransport{Endpoint: url}, nil)
	if err != nil {
		return nil, err
	}
	if _, err := session.ListTools(ctx, nil); err != nil {
		return nil, err
	}
	_, err = session.CallTool(ctx, &mcp.CallToolParams{Name: "echo", Arguments: map[string]any{}})
	return session.Close, err
}

func mcpGo(ctx context.Context, url string) (func() error, error) {
	// Without the option it opens no stream of its own.
	client, err := mcpgo.NewStreamableHttpClient(url, transport.WithContinuousListening())
	if err != nil {
		return nil, err
	}
	if err := client.Start(ctx); err != nil {
		return nil, err
	}
	initialize := mcpgotypes.InitializeRequest{}
	initialize.Params.ProtocolVersion = mcpgotypes.LATEST_PROTOCOL_VERSION
	initialize.Params.ClientInfo = mcpgotypes.Implementation{Name: "stay", Version: "1.0.0"}
	if _, err := client.Initialize(ctx, initialize); err != nil {
		return nil, err
	}
	if _, err := client.ListTools(ctx, mcpgotypes.ListToolsRequest{}); err != nil {
		return nil, err
	}
	call := mcpgotypes.CallToolRequest{}
	call.Params.Name = "echo"
	_, err = client.CallTool(ctx, call)
	return client.Close, err
}
