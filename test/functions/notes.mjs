/** A resource template `notes://{id}`. */
export const handler = async ({ id, uri }) =>
  id === 'missing' ? { statusCode: 404, body: 'no such note' } : `note ${id} at ${uri}`
