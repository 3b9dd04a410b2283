import type { Service } from '../http/service.ts'
import { createOperations, type RegistrationOptions } from './operations.ts'
import { createRouter } from './router.ts'

/** The registration API: docs/openapi.yaml. */
export function createRegistration(options: RegistrationOptions): Service {
  const { list, create, get, replace, remove, repair, announceUpdate } = createOperations(options)

  return createRouter({
    '/register': { GET: list, POST: create },
    '/register/{id}': { GET: get, PUT: replace, DELETE: remove },
    '/register/{id}/repair': { POST: repair },
    '/register/{id}/updated': { POST: announceUpdate },
  })
}
