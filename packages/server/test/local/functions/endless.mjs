await new Promise(() => setInterval(() => {}, 1000))
export const handler = async () => {}
