// An image, as a plain function gives it.
const PNG =
  'iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAYAAACNMs+9AAAAFUlEQVR42mNkYPhfz0AEYBxVSF+FAP5FDvcfRYWgAAAAAElFTkSuQmCC'

export const handler = async () => ({
  content: [
    { type: 'text', text: 'A red square' },
    { type: 'image', data: PNG, mimeType: 'image/png' },
  ],
})
