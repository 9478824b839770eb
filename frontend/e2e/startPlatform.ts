/** Starts a platform for the tests where none is named. MYEVENTS_PROGRAM is its program; it takes free ports. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const FREE_PORT = '127.0.0.1:0';
const SERVICES = ['EVENT', 'BOOKING'];
const PORTS = ['LISTEN', 'LISTEN_TLS', 'LISTEN_METRICS'];

export default async function startPlatform(): Promise<(() => Promise<void>) | undefined> {
  const program = process.env['MYEVENTS_PROGRAM'];
  if (program === undefined) return undefined;
  const folder = await mkdtemp(join(tmpdir(), 'myevents-page-'));
  const platform = spawn(program, ['serve', '--data-dir', folder], {
    env: { ...process.env, ...freePorts() },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  process.env['MYEVENTS_PAGE'] = await addressOf(platform);
  return async () => {
    platform.kill('SIGTERM');
    if (platform.exitCode === null) await once(platform, 'exit');
    await rm(folder, { recursive: true, force: true });
  };
}

function freePorts(): Record<string, string> {
  const names = SERVICES.flatMap((service) => PORTS.map((port) => `MYEVENTS_${service}__${port}`));
  return Object.fromEntries(names.map((name) => [name, FREE_PORT]));
}

async function addressOf(platform: ChildProcess): Promise<string> {
  if (platform.stdout === null) throw new Error('the platform says nothing');
  let address: string | undefined;
  const lines = createInterface(platform.stdout);
  for await (const line of lines) {
    address ??= /event\s+API\s+(http:\S+)/.exec(line)?.[1];
    if (line.startsWith('Ctrl-C')) break;
  }
  platform.stdout.resume();
  if (address === undefined) throw new Error('the platform ended before it was ready');
  return address;
}
