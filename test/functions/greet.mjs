/**
 * A prompt.
 *
 * @param {{ name: string, tone?: string }} event
 */
export const handler = async ({ name, tone = 'warm' }) => `Greet ${name} in a ${tone} tone.`
