/** Starts the page. */
// First, so that what pages say of their own counts more.
import './style/tokens.css';
import './style/base.css';
import './style/controls.module.css';
import { QueryClientProvider } from '@tanstack/react-query';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { createBrowserRouter, RouterProvider } from 'react-router';
import { makeQueryClient } from './api/queries';
import { serverIsAway, watchNetwork, watchServer } from './api/server';
import { applyTheme } from './layout/theme';
import { routes } from './routes';
import { setUpTexts } from './texts/setup';

async function start(root: HTMLElement): Promise<void> {
  applyTheme();
  await setUpTexts();
  watchNetwork();
  const client = makeQueryClient();
  // What was shown while the server was away may have changed in the meantime.
  watchServer(() => serverIsAway() || void client.invalidateQueries());
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={client}>
        <RouterProvider router={createBrowserRouter(routes)} />
      </QueryClientProvider>
    </StrictMode>,
  );
}

const root = document.getElementById('root');
if (root !== null) {
  void start(root);
}
