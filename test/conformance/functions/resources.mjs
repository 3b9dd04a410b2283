// Resources with the calling contract `arguments`: the event has the URI, and the variables of a
// template.

import { png } from '../media.mjs'

/** @param {{ uri: string, id?: string }} event */
export async function handler({ uri, id }) {
  if (id !== undefined) return { id, data: `The data of ${id}.` }
  if (uri === 'test://static-binary')
    return { contents: [{ uri, mimeType: 'image/png', blob: png }] }
  return `This is the text of ${uri}.`
}
