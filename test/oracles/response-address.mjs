// Loaded into each function that ministack runs: what goes to the bucket of CloudFormation arrives
// at ministack. Nothing else is changed.
const { fetch } = globalThis

/** @type {typeof fetch} */
const send = (input, init) => {
  const { hostname, pathname } = new URL(input instanceof Request ? input.url : input)
  return hostname.startsWith('cloudformation-custom-resource-response-')
    ? fetch(`${process.env.AWS_ENDPOINT_URL}/_ministack/cfn-response${pathname}`, init)
    : fetch(input, init)
}

globalThis.fetch = send
