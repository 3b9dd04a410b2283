import { AdminError } from './errors.ts'

/**
 * The URL of the registrations: the RegistrationUrl, with or without `/register`. Keeps a prefix.
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

/**
 * The URL of one registration. Refuses the ids that a URL drops or cannot hold: `get('')` would
 * request the list.
 */
export function itemUrl(collection: URL, id: string): URL {
  if (['', '.', '..'].includes(id) || /\p{Surrogate}/u.test(id))
    throw new AdminError('registration_not_found', `Not the id of a registration: "${id}"`)
  const item = new URL(collection)
  item.pathname += `/${encodeURIComponent(id)}`
  return item
}

/** The URL of an action on one registration. */
export function actionUrl(collection: URL, id: string, action: 'repair' | 'updated'): URL {
  const url = itemUrl(collection, id)
  url.pathname += `/${action}`
  return url
}

/** The URL for many changes at once. */
export function batchUrl(collection: URL): URL {
  const url = new URL(collection)
  url.pathname += ':batch'
  return url
}
