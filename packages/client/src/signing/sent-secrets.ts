/**
 * The secrets in the headers of the request that a response belongs to. Servers and proxies may
 * echo a header in the body of a refusal, which becomes the message of an error.
 */
const sent = new WeakMap<object, string[]>()

const SECRET = /auth|token|secret|cookie|credential|password|api-?key/i

export function rememberSecrets(response: Response, headers: Headers): void {
  const secrets = [...headers]
    .filter(([name]) => SECRET.test(name))
    .flatMap(([, value]) => [
      value,
      // `Bearer <token>`, and the parts of `AWS4-HMAC-SHA256 Credential=…, Signature=…`.
      ...value.split(/[\s,;=/]+/),
    ])
  sent.set(response, [...new Set(secrets)].filter(isSecret))
}

export const secretsSentFor = (response: object): readonly string[] => sent.get(response) ?? []

const isSecret = (text: string) => text.length >= 8 && !PUBLIC.test(text)

/** The algorithm, the scope and the names of headers in an `Authorization` header. */
const PUBLIC =
  /^(AWS4-[A-Z0-9-]+|Credential|SignedHeaders|Signature|aws4_request|\d{8}|[a-z]+(-[a-z]+)+-\d+|x-amz-[a-z0-9-]+|[a-z-]{1,24})$/
