import { spawn } from 'node:child_process'
import { once } from 'node:events'

export interface Served {
  readonly url: string
  stop (): Promise<void>
}

/** The built service in a process of its own, on a free port. */
export async function startService (settings: Record<string, string> = {}): Promise<Served> {
  const child = spawn(process.execPath, ['dist/cli.js', 'serve'], { env: { ...process.env, PORT: '0', HOST: '127.0.0.1', LOG_LEVEL: 'warn', DRAIN_DELAY_MS: '0', ...settings } })
  let output = ''
  while (!output.includes('is ready')) output += String((await once(child.stdout, 'data'))[0])
  return {
    url: /ready on (\S+)/.exec(output)![1]!,
    stop: async () => {
      child.kill('SIGTERM')
      await once(child, 'exit')
    }
  }
}
