import { AdminError } from './errors.ts'

/**
 * Where the API is: the URL of the stack's output, with or without `/register`, its path prefix
 * kept.
 */
export function collectionUrl(url: string | URL): URL {
  if (!URL.canParse(url))
    throw new AdminError('invalid_url', `Not an absolute URL: ${JSON.stringify(url)}`)
  const collection = new URL(url)
  const prefix = collection.pathname.replace(/\/+$/, '').replace(/\/register$/, '')
  collection.pathname = `${prefix}/register`
  collection.search = ''
  collection.hash = ''
  return collection
}

/** An id that a URL would resolve away is refused: it would make `get('')` answer the list. */
export function itemUrl(collection: URL, id: string): URL {
  if (['', '.', '..'].includes(id))
    throw new TypeError(`Not the id of a registration: "${id}"; one is <type>-<name>`)
  const item = new URL(collection)
  item.pathname += `/${encodeURIComponent(id)}`
  return item
}

/** What can be done with a registration, beside reading and writing it. */
export function actionUrl(collection: URL, id: string, action: 'repair' | 'updated'): URL {
  const url = itemUrl(collection, id)
  url.pathname += `/${action}`
  return url
}
