// A resource template: the event has the variables of the URI template, and the URI.
import { readFile } from 'node:fs/promises'

/** @param {{ name: string, uri: string }} event */
export async function handler({ name }) {
  if (!/^[a-z-]+$/.test(name))
    return { statusCode: 404, body: `${name} is not the name of a dataset` }
  try {
    return await readFile(new URL(`./data/${name}.csv`, import.meta.url), 'utf8')
  } catch {
    return { statusCode: 404, body: `There is no dataset ${name}` }
  }
}
