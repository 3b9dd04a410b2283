import manifest from '../package.json' with { type: 'json' }

/** The version of this package. The build writes it into every bundle. */
export const version: string = manifest.version
