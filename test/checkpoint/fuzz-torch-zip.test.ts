import { fuzz } from './fuzz.js'

fuzz({ format: 'torch-zip', files: ['storages.pth', 'storages-no-checksums.pth'], network: 'detectron2-fpn.pth', checksums: true }, 20_000)
