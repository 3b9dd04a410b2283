throw new Error('not at home')
export const handler = async () => {}
