export default async function cost() {
  return ''
}
