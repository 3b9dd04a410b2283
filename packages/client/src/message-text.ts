// JSON.parse rounds numbers with more than 15 digits. Who passes messages on uses their text.

const received = new WeakMap<object, string>()
const outgoing = new WeakMap<object, string>()

/** Keeps the text that a message of the server came as. It is freed with the message. */
export const keepText = (message: object, text: string): void => void received.set(message, text)

/** The text that a message of the server came as, else that of its values. */
export const receivedText = (message: object): string =>
  received.get(message) ?? JSON.stringify(message)

/** Has `message` sent as `text`. */
export const sendAs = (message: object, text: string): void => void outgoing.set(message, text)

/** The text to send. Not the received one: a program may have changed the message since. */
export const textToSend = (message: object): string =>
  outgoing.get(message) ?? JSON.stringify(message)

/** The message with another id. So are the texts that are kept for it, with every digit. */
export function withId<Message extends object>(
  message: Message,
  id: string | number,
): Message & { id: string | number } {
  const copy = { ...message, id }
  for (const texts of [received, outgoing]) {
    const text = texts.get(message)
    if (text !== undefined) texts.set(copy, textWithId(text, id))
  }
  return copy
}

function textWithId(text: string, id: string | number): string {
  const members = elementTexts(text).map(it => {
    const name: unknown = JSON.parse(it.slice(0, endOfString(it, 0) + 1))
    return name === 'id' ? `"id":${JSON.stringify(id)}` : it
  })
  return `{${members.join(',')}}`
}

/** The texts of the elements of a JSON array, or of the members of an object. */
export function elementTexts(text: string): string[] {
  const elements: string[] = []
  let depth = 0
  let start = text.search(/[[{]/) + 1
  for (let at = start - 1; at < text.length; at++) {
    const character = text[at]
    if (character === '"') at = endOfString(text, at)
    else if (character === '[' || character === '{') depth++
    else if (character === ']' || character === '}') depth--
    const isEnd = depth === 0
    if (!isEnd && (depth !== 1 || character !== ',')) continue
    const element = text.slice(start, at).trim()
    if (element) elements.push(element)
    start = at + 1
    if (isEnd) break
  }
  return elements
}

/** The index of the quote that ends the string which begins at `start`. */
function endOfString(text: string, start: number): number {
  let at = start + 1
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at
}
