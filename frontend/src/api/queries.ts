/** How replies are kept and asked for again. */
import { QueryClient } from '@tanstack/react-query';
import { RETRIED } from './problem';

const FRESH_MS = 15_000;
/** Long enough that the back button finds lists as they were left. */
const KEPT_MS = 15 * 60_000;

export function makeQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: FRESH_MS,
        gcTime: KEPT_MS,
        // `server.ts` knows better than the browser whether the server can be reached.
        networkMode: 'always',
        ...RETRIED,
      },
      mutations: { networkMode: 'always' },
    },
  });
}
