import t from 'tap'
import { run } from '../../src/cli/serve.js'

// The port is refused after the flags were understood and before anything is started.
t.test('--tune needs no value and takes one', async t => {
  await t.rejects(run(['--tune', '--port', 'http']), { code: 'invalid_setting', param: 'PORT' })
  await t.rejects(run(['--tune', 'brief', '--port', 'http']), { code: 'invalid_setting', param: 'PORT' })
  await t.rejects(run(['--port', 'http', '--tune']), { code: 'invalid_setting', param: 'PORT' })
  await t.rejects(run(['--tune=often']), { code: 'invalid_setting', param: 'TUNE' })
})
