import { fuzz } from './fuzz.js'

fuzz({ format: 'pickle', files: ['arrays-p2.pkl', 'arrays-p3.pkl', 'arrays-p4.pkl', 'arrays-p5.pkl'], network: 'detectron2-p2.pkl', checksums: false }, 20_000)
