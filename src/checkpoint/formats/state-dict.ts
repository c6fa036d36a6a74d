import { Call, describe, type PickleDict, type PickleValue } from '../pickle/values.js'
import { isNumpyArray } from './numpy-arrays.js'
import { isTorchTensor } from './torch-tensors.js'

/** Where training scripts put the weights; of several the one timm prefers, which is the averaged one. */
const WRAPPERS = ['state_dict_ema', 'model_ema', 'state_dict', 'model']
const DEEPEST = 4

export interface StateDict {
  readonly wrappers: readonly string[]
  /** Tensors and arrays by name, not looked at yet. */
  readonly tensors: ReadonlyMap<string, Call>
}

/**
 * Finds the tensors in what a checkpoint holds, under a wrapper or at the top; everything else in it (optimizer, arguments,
 * counters) is passed over.
 * @throws the error `refuse` makes, saying what was found instead
 */
export function findStateDict (root: PickleValue, refuse: (message: string) => Error): StateDict {
  const found = search(root, DEEPEST, new Set())
  if (found !== undefined) return found
  if (root instanceof Call && root.state instanceof Map && root.state.has('_modules')) {
    throw refuse(`it holds a whole module (${describe(root)}), which needs the code of its class; save its state_dict() instead`)
  }
  const dict = asDict(root)
  const keys = dict === undefined ? '' : ` with the keys ${[...dict.keys()].slice(0, 5).map(describe).join(', ')}`
  throw refuse(`expected a dict of tensors, at the top or under ${WRAPPERS.join(', ')}, found ${describe(root)}${keys}`)
}

/** @param seen what was searched in vain: a dict that holds itself under every wrapper would be searched again and again */
function search (value: PickleValue | undefined, depth: number, seen: Set<PickleValue | undefined>): StateDict | undefined {
  if (depth === 0 || seen.has(value)) return undefined
  seen.add(value)
  const dict = asDict(value)
  if (dict === undefined) return undefined
  for (const wrapper of WRAPPERS) {
    const inner = search(dict.get(wrapper), depth - 1, seen)
    if (inner !== undefined) return { ...inner, wrappers: [wrapper, ...inner.wrappers] }
  }
  const tensors = new Map<string, Call>()
  for (const [name, entry] of dict) {
    if (typeof name === 'string' && (isTorchTensor(entry) || isNumpyArray(entry))) tensors.set(name, entry)
  }
  return tensors.size === 0 ? undefined : { wrappers: [], tensors }
}

/** A dict, or an OrderedDict; Python 2 wrote the latter as a call with its pairs in a list. */
function asDict (value: PickleValue | undefined): PickleDict | undefined {
  if (value instanceof Map) return value
  if (!(value instanceof Call) || value.path !== 'collections.OrderedDict' || !Array.isArray(value.args)) return undefined
  const [pairs] = value.args
  const dict: PickleDict = new Map()
  for (const pair of Array.isArray(pairs) ? pairs : []) {
    if (Array.isArray(pair) && pair.length === 2) dict.set(pair[0]!, pair[1]!)
  }
  for (const [name, entry] of value.items) dict.set(name, entry)
  return dict
}
