/**
 * Writes `openapi.json`, the description of the API, as the platform at MYEVENTS_API serves it, and `schema.d.ts`, the
 * types of its replies. Run it by `npm run api` beside a platform that runs.
 */
import { writeFile } from 'node:fs/promises';
import openapiTypescript, { astToString } from 'openapi-typescript';

const platform = process.env['MYEVENTS_API'] ?? 'http://127.0.0.1:8181';
const reply = await fetch(new URL('/openapi.json', platform));
if (!reply.ok) throw new Error(`${reply.url} answered ${String(reply.status)}`);
const description = await reply.json();
const file = (name) => new URL(name, import.meta.url);
await writeFile(file('openapi.json'), `${JSON.stringify(description, undefined, 2)}\n`);
await writeFile(file('schema.d.ts'), astToString(await openapiTypescript(description)));
