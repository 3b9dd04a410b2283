// Texts that would be markup, in everything that the console shows.
import { defineTool } from '@markvp/mcp-lambda-sam-functions'

const MARKUP =
  '<img src=x onerror="document.title=\'broken\'"><script>document.title="broken"</script>'

export const handler = defineTool({
  name: 'hostile',
  title: MARKUP,
  description: MARKUP,
  input: {
    type: 'object',
    properties: { [MARKUP]: { type: 'string', description: MARKUP, enum: [MARKUP] } },
  },
  async run() {
    console.log(MARKUP)
    throw new Error(MARKUP)
  },
})
