import { fuzz } from './fuzz.js'

fuzz({ format: 'torch-legacy', files: ['storages-legacy.pth'], network: 'mmdet3d.pth', checksums: false }, 20_000)
