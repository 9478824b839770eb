/** Numbers that matter, side by side. */
import controls from '../style/controls.module.css';
import { classes } from '../style/classes';
import styles from './Stats.module.css';

export interface Stat {
  label: string;
  value: string;
  note?: string | undefined;
}

export function Stats({ stats }: { stats: readonly Stat[] }) {
  return (
    <dl className={styles.stats}>
      {stats.map(({ label, value, note }) => (
        <div key={label} className={classes(controls.card, styles.stat)}>
          <dt className={styles.label}>{label}</dt>
          <dd className={styles.value}>{value}</dd>
          {note !== undefined && <dd className={styles.note}>{note}</dd>}
        </div>
      ))}
    </dl>
  );
}
