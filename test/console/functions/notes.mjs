import { defineResource } from '@markvp/mcp-lambda-sam-functions'

export const handler = defineResource({
  name: 'notes',
  uriTemplate: 'notes://{id}',
  description: 'Notes by their number',
  read: (_uri, { id }) => `Note ${id}: water the plants`,
})
