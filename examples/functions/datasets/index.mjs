// A resource template: the event is the variables of the URI template and the URI itself.
import { readFile } from 'node:fs/promises'

/** @param {{ name: string, uri: string }} event */
export async function handler({ name }) {
  if (!/^[a-z-]+$/.test(name)) return { statusCode: 404, body: `${name} is not a dataset's name` }
  try {
    return await readFile(new URL(`./data/${name}.csv`, import.meta.url), 'utf8')
  } catch {
    return { statusCode: 404, body: `There is no dataset ${name}` }
  }
}
