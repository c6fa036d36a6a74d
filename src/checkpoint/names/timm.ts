import { BN, type Naming } from './naming.js'

const UNIT = `(?:conv|conv_dw|conv_pw)\\.weight|bn\\.(?:${BN})`
const KNOWN = new RegExp(
  `^(?:stem\\.[0-2]\\.(?:${UNIT})` +
  `|stages\\.[0-3]\\.blocks\\.\\d+\\.(?:conv_mid\\.\\d+\\.(?:${UNIT})` +
  `|conv_(?:reduction|concat)\\.(?:conv\\.weight|bn\\.(?:${BN}))|attn\\.fc\\.(?:weight|bias)|attn\\.conv\\.weight)` +
  '|head\\.fc\\.(?:weight|bias))$'
)

/** timm's names are the canonical ones (timm/models/vovnet.py). */
export const timmNames: Naming = {
  name: 'timm',
  anchor: 'stem.0.conv.weight',
  canonical: tensors => new Map([...tensors.keys()].filter(name => KNOWN.test(name)).map(name => [name, name])),
  stored: canonical => canonical
}
