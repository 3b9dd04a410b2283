/**
 * A resource template `notes://{id}`.
 *
 * @param {{ id: string, uri: string }} event
 */
export const handler = async ({ id, uri }) =>
  id === 'missing' ? { statusCode: 404, body: 'no such note' } : `note ${id} at ${uri}`
