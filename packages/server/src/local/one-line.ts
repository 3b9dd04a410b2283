/** One line without control characters, which could move the cursor of the terminal. */
export const oneLine = (text: string) => text.replace(/[\p{Cc}\u2028\u2029]/gu, ' ')
