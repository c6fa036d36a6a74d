import { createRequire } from 'node:module'

/** The package's version, e.g. 0.1.0. */
export const VERSION = (createRequire(import.meta.url)('#package.json') as { version: string }).version
