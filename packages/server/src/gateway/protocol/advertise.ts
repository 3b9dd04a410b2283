import type { Prompt, Resource, Tool } from '@markvp/mcp-lambda-sam-admin-client/api-schema'

// The fields that clients may see. The function's ARN, `allow` and `createdBy` are left out.

export const advertiseTool = ({
  name,
  title,
  description,
  inputSchema,
  outputSchema,
  annotations,
  icons,
  _meta,
}: Tool) => ({
  name,
  title,
  description,
  inputSchema,
  outputSchema: outputSchema as Tool['inputSchema'] | undefined,
  annotations,
  icons,
  _meta,
})

export const advertiseResource = (
  { name, title, description, mimeType, size, annotations, icons, _meta }: Resource,
  uri: string,
) => ({ uri, name, title, description, mimeType, size, annotations, icons, _meta })

export const advertiseTemplate = (
  { name, title, description, mimeType, annotations, icons, _meta }: Resource,
  uriTemplate: string,
) => ({ uriTemplate, name, title, description, mimeType, annotations, icons, _meta })

export const advertisePrompt = ({
  name,
  title,
  description,
  arguments: args,
  icons,
  _meta,
}: Prompt) => ({
  name,
  title,
  description,
  arguments: args,
  icons,
  _meta,
})
