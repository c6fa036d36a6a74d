import { flatNames } from './flat.js'
import type { Naming } from './naming.js'
import { osaNames } from './osa.js'
import { timmNames } from './timm.js'

export const NAMINGS: readonly Naming[] = [timmNames, osaNames, flatNames]
