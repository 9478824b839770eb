/** What surrounds a chart: its title, and the same as a table for those who do not see it. */
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import controls from '../style/controls.module.css';
import { classes } from '../style/classes';
import styles from './ChartFrame.module.css';

interface Props {
  title: string;
  isEmpty: boolean;
  children: ReactNode;
  table: ReactNode;
}

export function ChartFrame({ title, isEmpty, children, table }: Props) {
  const { t } = useTranslation();
  return (
    <section className={classes(controls.card, styles.frame)}>
      <h2>{title}</h2>
      {isEmpty ? (
        <p className={styles.empty}>{t('organise.noSales')}</p>
      ) : (
        <>
          {/* All that the picture says is in the table. */}
          <div className={styles.plot} aria-hidden="true">
            {children}
          </div>
          <details className={styles.details}>
            <summary className={styles.summary}>{t('organise.asTable')}</summary>
            {/* What scrolls has to be reached by keyboard. */}
            <div className={styles.scroll} tabIndex={0} role="group" aria-label={title}>
              {table}
            </div>
          </details>
        </>
      )}
    </section>
  );
}
