throw new Error('not at home')
