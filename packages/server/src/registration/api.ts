import type { Service } from '../http/service.ts'
import { createOperations, type RegistrationOptions } from './operations.ts'
import { createRouter } from './router.ts'

/** The registration API: docs/openapi.yaml. */
export function createRegistration(options: RegistrationOptions): Service {
  const { list, create, batch, get, put, remove, repair, announceUpdate } =
    createOperations(options)

  return createRouter({
    '/register': { GET: list, POST: create },
    '/register:batch': { POST: batch },
    '/register/{id}': { GET: get, PUT: put, DELETE: remove },
    '/register/{id}/repair': { POST: repair },
    '/register/{id}/updated': { POST: announceUpdate },
  })
}
