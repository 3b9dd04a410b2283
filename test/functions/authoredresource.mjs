import { defineResource } from '@markvp/mcp-lambda-sam-functions'

export const handler = defineResource({
  name: 'authoredresource',
  uriTemplate: 'authored://{id}',
  mimeType: 'text/plain',
  read: (uri, { id }) => (id === 'missing' ? undefined : `${id} at ${uri}`),
  complete: { id: value => ['one', 'two'].filter(it => it.startsWith(value)) },
})
