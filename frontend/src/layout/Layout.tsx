/** What surrounds every page. */
import { Suspense, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Link, Outlet, ScrollRestoration, useLocation, type Location } from 'react-router';
import { AwayBanner } from './AwayBanner';
import { Header } from './Header';
import styles from './Layout.module.css';
import { HasNavigated } from './PageTitle';
import { PageSkeleton } from './Skeleton';

export function Layout() {
  const { t } = useTranslation();
  const { key } = useLocation();
  const [firstKey] = useState(key);
  const [hasNavigated, setNavigated] = useState(false);
  if (key !== firstKey && !hasNavigated) {
    setNavigated(true);
  }
  return (
    <HasNavigated value={hasNavigated}>
      <a href="#content" className={styles.skip}>
        {t('app.skip')}
      </a>
      <Header />
      <main id="content" tabIndex={-1} className={styles.content}>
        <Suspense fallback={<PageSkeleton />}>
          <Outlet />
        </Suspense>
      </main>
      <footer className={styles.footer}>
        <p>{t('app.footer')}</p>
        <Link to="/organise">{t('app.organise')}</Link>
      </footer>
      <AwayBanner />
      <ScrollRestoration getKey={scrollKey} />
    </HasNavigated>
  );
}

/**
 * Each entry of the history has its own place to come back to. Pages that the browser itself has loaded all share one
 * key; without the address a page would open where another one was left.
 */
function scrollKey({ key, pathname, search }: Location): string {
  return key === 'default' ? pathname + search : key;
}
