// A prompt: the event is its arguments, a string becomes one message of the user.

/** @param {{ dataset: string, audience?: string }} event */
export async function handler({ dataset, audience = 'an engineer' }) {
  return [
    `Read the resource dataset://${dataset}, call the tool "statistics" with its text,`,
    `and write three sentences for ${audience}: what stands out, what is missing, what to look at next.`,
  ].join('\n')
}
