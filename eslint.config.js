import neostandard, { resolveIgnoresFromGitignore } from 'neostandard'

export default [
  ...neostandard({ ts: true, ignores: resolveIgnoresFromGitignore() }),
  {
    rules: {
      // the worker and the codecs read little-endian typed arrays: a shadowed or unused name there has hidden a bug before
      'no-shadow': 'off',
      'no-console': 'error'
    }
  },
  { files: ['bench/**', 'test/**', 'src/cli/**', 'src/cli.ts'], rules: { 'no-console': 'off' } }
]
