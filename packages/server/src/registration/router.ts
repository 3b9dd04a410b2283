import type { Caller } from '../http/caller.ts'
import { GatewayError } from '../http/errors.ts'
import type { Service } from '../http/service.ts'

type Operation = (request: Request, target: Target) => Promise<Response>

export interface Target {
  /** The id in the path, decoded; empty for `/register`. */
  id: string
  caller: Caller
  requestId: string
  /** Milliseconds until Lambda stops the environment. */
  remaining(): number
}

/** Operations by path template and method. */
type Routes = Record<string, Record<string, Operation>>

/** Finds the operation for a request, or throws 404 or 405. */
export function createRouter(routes: Routes): Service {
  return async (request, { caller, requestId, remaining }) => {
    const { pathname } = new URL(request.url)
    const { template, id } = parsePath(pathname)
    const operations = Object.hasOwn(routes, template) && routes[template]
    if (!operations) throw notFound(pathname)
    const operation = Object.hasOwn(operations, request.method) && operations[request.method]
    if (!operation) throw methodNotAllowed(request, Object.keys(operations))
    return operation(request, { id, caller, requestId, remaining })
  }

  /**
   * Repeated slashes count as one, because people append the path to a URL that ends in a slash. A
   * Function URL leaves the path percent-encoded.
   */
  function parsePath(pathname: string): { template: string; id: string } {
    const [first, id, ...rest] = pathname.split('/').filter(Boolean)
    if (first === 'register:batch' && id === undefined)
      return { template: '/register:batch', id: '' }
    if (first !== 'register') throw notFound(pathname)
    if (id === undefined) return { template: '/register', id: '' }
    try {
      return { template: ['/register/{id}', ...rest].join('/'), id: decodeURIComponent(id) }
    } catch (error) {
      throw new GatewayError(
        'bad_request',
        `The path ${pathname} is not valid: percent-encode the id as UTF-8`,
        { cause: error },
      )
    }
  }

  function notFound(pathname: string) {
    return new GatewayError(
      'not_found',
      `${pathname} does not exist: use one of ${Object.keys(routes).join(', ')}`,
    )
  }
}

function methodNotAllowed({ method, url }: Request, methods: string[]) {
  const allow = methods.join(', ')
  return new GatewayError(
    'method_not_allowed',
    `${new URL(url).pathname} does not support ${method}: use ${allow}`,
    { headers: { allow } },
  )
}
