/**
 * Writes `schema.d.ts`, the types of the API's replies, from `openapi.json`. Run it by `npm run api`.
 *
 * Operations of different services may share an `operationId`, and would share their types then: they go by path here.
 */
import { readFile, writeFile } from 'node:fs/promises';
import openapiTypescript, { astToString } from 'openapi-typescript';

const folder = new URL('./', import.meta.url);
const description = JSON.parse(await readFile(new URL('openapi.json', folder), 'utf8'));
for (const operations of Object.values(description.paths)) {
  for (const operation of Object.values(operations)) {
    delete operation.operationId;
  }
}
await writeFile(new URL('schema.d.ts', folder), astToString(await openapiTypescript(description)));
