/** A platform that runs for tests alone: MYEVENTS_PROGRAM on ports that are free, and data that goes when it goes. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const FREE_PORT = '127.0.0.1:0';
const SERVICES = ['EVENT', 'BOOKING'];
const PORTS = ['LISTEN', 'LISTEN_TLS', 'LISTEN_METRICS'];
/** Where the page is. */
const PAGE_PORT = 'MYEVENTS_EVENT__LISTEN';

interface Addresses {
  /** The page, and with it the API of both services. */
  page: string;
  bookingService: string;
}

export class OwnPlatform {
  readonly page: string;
  readonly bookingService: string;
  private readonly folder: string;
  private process: ChildProcess | undefined;

  private constructor(addresses: Addresses, folder: string, process: ChildProcess) {
    this.page = addresses.page;
    this.bookingService = addresses.bookingService;
    this.folder = folder;
    this.process = process;
  }

  /** Starts one, ready for requests. */
  static async start(): Promise<OwnPlatform> {
    const folder = await mkdtemp(join(tmpdir(), 'myevents-page-'));
    const process = serve(folder, FREE_PORT);
    return new OwnPlatform(await addressesOf(process), folder, process);
  }

  /** Ends the process; its data stays. */
  async stop(): Promise<void> {
    const process = this.process;
    this.process = undefined;
    if (process === undefined || process.exitCode !== null) return;
    const exited = once(process, 'exit');
    process.kill('SIGTERM');
    await exited;
  }

  /** Starts it on what it had, where it was. */
  async startAgain(): Promise<void> {
    this.process = serve(this.folder, new URL(this.page).host);
    await addressesOf(this.process);
  }

  async remove(): Promise<void> {
    await this.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** The program under test; undefined where the tests have been given a page that runs already. */
export function ownProgram(): string | undefined {
  return process.env['MYEVENTS_PROGRAM'];
}

/** Whether a test may have a platform of its own: where store and broker are given it would be one more replica of theirs. */
export function mayRunOwn(): boolean {
  return ownProgram() !== undefined && process.env['MYEVENTS_STORE'] === undefined;
}

/** Runs a command of the program to its end. */
export async function run(...args: string[]): Promise<void> {
  const command = spawn(needed(ownProgram()), args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const [code] = (await once(command, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`myevents ${args.join(' ')} ended with ${String(code)}`);
}

function serve(folder: string, listen: string): ChildProcess {
  return spawn(needed(ownProgram()), ['serve', '--data-dir', folder], {
    env: { ...process.env, ...freePorts(), [PAGE_PORT]: listen },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

function freePorts(): Record<string, string> {
  const names = SERVICES.flatMap((service) => PORTS.map((port) => `MYEVENTS_${service}__${port}`));
  return Object.fromEntries(names.map((name) => [name, FREE_PORT]));
}

/** Reads what it says until it is ready. */
async function addressesOf(platform: ChildProcess): Promise<Addresses> {
  if (platform.stdout === null) throw new Error('the platform says nothing');
  const found = new Map<string, string>();
  for await (const line of createInterface(platform.stdout)) {
    const [, service = '', address = ''] = /(event|booking)\s+API\s+(http:\S+)/.exec(line) ?? [];
    found.set(service, address);
    if (line.startsWith('Ctrl-C')) break;
  }
  platform.stdout.resume();
  const [page, bookingService] = [found.get('event'), found.get('booking')];
  if (page === undefined || bookingService === undefined) {
    throw new Error('the platform ended before it was ready');
  }
  return { page, bookingService };
}

function needed(program: string | undefined): string {
  if (program === undefined) throw new Error('MYEVENTS_PROGRAM has to name the program of a platform');
  return program;
}
