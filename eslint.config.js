import neostandard, { resolveIgnoresFromGitignore } from 'neostandard'

export default [
  ...neostandard({ ts: true, ignores: resolveIgnoresFromGitignore() }),
  {
    rules: {
      'no-console': 'error',
      'no-void': ['error', { allowAsStatement: true }]
    }
  },
  { files: ['bench/**', 'test/**', 'src/cli/**', 'src/cli.ts'], rules: { 'no-console': 'off' } }
]
