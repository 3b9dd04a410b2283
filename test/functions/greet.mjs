/** A prompt. */
export const handler = async ({ name, tone = 'warm' }) => `Greet ${name} in a ${tone} tone.`
