const { greeting } = require('./greeting')

/**
 * A handler with a callback, which nodejs20.x takes.
 *
 * @param {{ name: string }} event
 * @param {unknown} _context
 * @param {(error: Error | null, result: object) => void} callback
 */
exports.lambdaHandler = (event, _context, callback) => {
  setTimeout(() => {
    const body = { message: greeting(event.name), stage: process.env['STAGE'] }
    callback(null, { statusCode: 200, body: JSON.stringify(body) })
  }, 10)
}
