import { fuzz } from './fuzz.js'

fuzz({ format: 'safetensors', files: ['evonorm.safetensors', 'deformable.safetensors'], network: 'timm-b.safetensors', checksums: false }, 20_000)
