/** The events that have sold most. */
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';
import { SeatsMeter } from '../events/SeatsMeter';
import controls from '../style/controls.module.css';
import { classes } from '../style/classes';
import styles from './Busiest.module.css';
import { busiestOf, type EventSeats } from './overview';
import page from './Page.module.css';

export function Busiest({ rows }: { rows: readonly EventSeats[] }) {
  const { t } = useTranslation();
  const busiest = busiestOf(rows);
  return (
    <section className={page.section}>
      <h2>{t('organise.busiest')}</h2>
      <div className={classes(controls.card, page.panel)}>
        {busiest.length === 0 && <p className={page.soft}>{t('organise.noneSold')}</p>}
        <ul className={page.rows}>
          {busiest.map(({ event, sold, left = 0, capacity }) => (
            <li key={event.id} className={styles.item}>
              <p className={styles.line}>
                <Link to={`/organise/events/${event.id}`} dir="auto" className={styles.name}>
                  {event.name}
                </Link>
                <span className={page.number}>{t('organise.soldCount', { count: sold })}</span>
              </p>
              <SeatsMeter left={left} total={capacity} />
            </li>
          ))}
        </ul>
      </div>
    </section>
  );
}
