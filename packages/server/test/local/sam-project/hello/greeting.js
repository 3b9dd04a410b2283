/** @param {string} name */
exports.greeting = name => `Hello ${name}`
