/** nginx with the configuration that deployments use, in front of a platform. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect } from '@playwright/test';
import type { OwnPlatform } from './ownPlatform';

const CONFIGURATION = resolve('../deploy/nginx');

export class Nginx {
  readonly page: string;
  private readonly folder: string;
  private readonly process: ChildProcess;

  private constructor(page: string, folder: string, process: ChildProcess) {
    this.page = page;
    this.folder = folder;
    this.process = process;
  }

  static async start(platform: OwnPlatform): Promise<Nginx> {
    const folder = await mkdtemp(join(tmpdir(), 'myevents-nginx-'));
    const port = await freePort();
    await writeFile(join(folder, 'site.conf'), await site(platform, port, folder));
    await writeFile(join(folder, 'nginx.conf'), main(folder));
    const process = spawn('nginx', ['-p', folder, '-c', join(folder, 'nginx.conf'), '-e', 'stderr'], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const page = `http://127.0.0.1:${String(port)}`;
    await expect
      .poll(() =>
        fetch(page).then(
          ({ status }) => status,
          () => 0,
        ),
      )
      .toBe(200);
    return new Nginx(page, folder, process);
  }

  /** Where requests of a path were sent, as HOST:PORT. */
  async sentTo(path: string): Promise<string[]> {
    const lines = (await readFile(join(this.folder, 'access.log'), 'utf8')).split('\n');
    return lines.filter((line) => line.startsWith(`${path} `)).map((line) => line.split(' ')[1] ?? '');
  }

  async remove(): Promise<void> {
    const exited = once(this.process, 'exit');
    this.process.kill('SIGTERM');
    await exited;
    await rm(this.folder, { recursive: true, force: true });
  }
}

async function site(platform: OwnPlatform, port: number, folder: string): Promise<string> {
  const values: Record<string, string> = {
    LISTEN: `127.0.0.1:${String(port)}`,
    PAGE: resolve('dist'),
    HEADERS: join(CONFIGURATION, 'page-headers.conf'),
    EVENT_SERVICE: new URL(platform.page).host,
    BOOKING_SERVICE: new URL(platform.bookingService).host,
  };
  const template = await readFile(join(CONFIGURATION, 'myevents.conf.template'), 'utf8');
  // These tests look at where requests went; nobody's guests are in them.
  const logging = template.replace('access_log off;', `access_log ${folder}/access.log sent;`);
  return logging.replace(/\$\{([A-Z_]+)\}/g, (_, name: string) => values[name] ?? '');
}

function main(folder: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return `
    ${process.getuid?.() === 0 ? 'user root;' : ''}
    daemon off;
    pid ${folder}/nginx.pid;
    events {}
    http {
      include /etc/nginx/mime.types;
      log_format sent '$request_uri $upstream_addr';
      access_log off;
      ${temporary.map((kind) => `${kind}_temp_path ${folder}/${kind};`).join('\n')}
      include ${folder}/site.conf;
    }`;
}

/** nginx cannot tell which port it was given, so it is told one that has just been free. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port is free');
  return address.port;
}
