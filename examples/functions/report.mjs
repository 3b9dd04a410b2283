// A prompt: the event is its arguments. A returned string becomes one user message.

/** @param {{ dataset: string, audience?: string }} event */
export async function handler({ dataset, audience = 'an engineer' }) {
  return [
    `Read the resource dataset://${dataset}, call the tool "statistics" with its text,`,
    `and write three sentences for ${audience}: what stands out, what is missing, what to look at next.`,
  ].join('\n')
}
