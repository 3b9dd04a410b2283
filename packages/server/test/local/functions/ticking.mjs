let ticks = 0
setInterval(() => ticks++, 5)
export const handler = async () => ticks
