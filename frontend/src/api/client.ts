/** Calls of the API: typed by its description, with the guest's id, the tokens of earlier writes, and one kind of error. */
import createClient, { type Middleware } from 'openapi-fetch';
import { knownGuest } from '../guest';
import { rememberWrite, tokenToSend } from './consistency';
import { ApiError, errorOf, isFromBetween } from './problem';
import type { paths } from './schema';
import { reportAway, reportHere } from './server';

const TOKEN_HEADER = 'Consistency-Token';

const identity: Middleware = {
  onRequest({ request }) {
    const guest = knownGuest();
    if (guest !== undefined) {
      request.headers.set('X-User-Id', guest);
    }
  },
};

const consistency: Middleware = {
  onRequest({ request }) {
    const token = tokenToSend();
    if (token !== undefined) {
      request.headers.set(TOKEN_HEADER, token);
    }
  },
  onResponse({ response }) {
    const token = response.headers.get(TOKEN_HEADER);
    if (token !== null) {
      rememberWrite(token);
    }
  },
};

const reachability: Middleware = {
  onResponse({ response }) {
    if (isFromBetween(response)) {
      reportAway();
    } else {
      reportHere();
    }
  },
  onError({ error }) {
    if (isAbort(error)) {
      return undefined;
    }
    reportAway();
    return new ApiError('away');
  },
};

export const api = createClient<paths>();
api.use(identity, consistency, reachability);

interface Reply<Data> {
  data?: Data;
  error?: unknown;
  response: Response;
}

/** What a call has brought; whatever else comes of it, as a reply that breaks off, is thrown as an `ApiError`. */
export async function dataOf<Data>(call: Promise<Reply<Data>>): Promise<Data> {
  const { data, error, response } = await call.catch((failure: unknown) => {
    throw isAbort(failure) || failure instanceof ApiError ? failure : new ApiError('away');
  });
  if (data === undefined) {
    throw errorOf(response, error);
  }
  return data;
}

function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}
