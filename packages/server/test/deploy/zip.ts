import { readFileSync } from 'node:fs'
import { zipSync } from 'fflate'

/** The code of a function that is one module. Its handler is `index.handler`. */
export const zipModule = (path: string) => zipSync({ 'index.mjs': readFileSync(path) })
