import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import type { Box } from '../../src/image/resample.js'
import type { Geometry, Interpolation } from '../../src/model/preprocess.js'

// Made by test/parity/pillow_goldens.py.
const folder = new URL('../parity/pillow/', import.meta.url)

export interface DecodeCase { file: string, autoorient: boolean, width: number, height: number, pixels: string }
export interface ResizeCase { source: string, width: number, height: number, interpolation: Interpolation, crop: Box, sha256: string }
export interface PrepareCase { source: string, geometry: Geometry, width: number, height: number, sha256: string }
export interface GeometryCase { source: [number, number], geometry: Geometry, resized: [number, number], offset: [number, number] }

export const decodeCases = read<DecodeCase>('decode')
export const resizeCases = read<ResizeCase>('resize')
export const prepareCases = read<PrepareCase>('prepare')
export const geometryCases = read<GeometryCase>('geometry')

export function file (name: string): Buffer {
  return readFileSync(new URL(`files/${name}`, folder))
}

/** Raw RGB. */
export function pixels (name: string): Buffer {
  return gunzipSync(readFileSync(new URL(`pixels/${name}.gz`, folder)))
}

function read<Case> (name: string): Case[] {
  return JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8'))
}

export function geometry (over: Partial<Geometry> = {}): Geometry {
  return {
    resize: 'none', width: 64, height: 64, cropPct: 1, longest: undefined, rounding: 'truncate', interpolation: 'bicubic', fill: [0, 0, 0], ...over
  }
}

/** Levels by which two images differ at most, and in the mean. */
export function difference (a: Uint8Array, b: Uint8Array): { max: number, mean: number } {
  let max = 0
  let sum = 0
  for (let i = 0; i < b.length; i++) {
    const levels = Math.abs(a[i]! - b[i]!)
    max = Math.max(max, levels)
    sum += levels
  }
  return { max, mean: sum / b.length }
}
