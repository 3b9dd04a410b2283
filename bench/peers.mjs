export default async function peers() {
  return ''
}
