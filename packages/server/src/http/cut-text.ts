/** A longer message helps no reader, and a model would have to read all of it. */
const MAX_MESSAGE_BYTES = 8 * 1024

const MARK = ' … (cut)'

/** The text, cut at the end where it has more than `bytes` bytes in UTF-8. */
export function cutText(text: string, bytes = MAX_MESSAGE_BYTES): string {
  // A UTF-16 unit has at most three bytes.
  if (text.length * 3 <= bytes) return text
  // No more units than bytes are needed, so a text of megabytes is not encoded.
  const start = Buffer.from(text.slice(0, bytes + 1))
  if (text.length <= bytes && start.length <= bytes) return text
  const kept = start.subarray(0, bytes - Buffer.byteLength(MARK))
  // `stream` drops the character that the cut has split.
  return new TextDecoder().decode(kept, { stream: true }) + MARK
}
