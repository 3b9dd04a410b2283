import manifest from '../package.json' with { type: 'json' }

/** The version of this package. The build writes it into the bundle. */
export const version: string = manifest.version
