/** Grey bones where content is on its way, as large as the content will be. */
import { useTranslation } from 'react-i18next';
import { classes } from '../style/classes';
import styles from './Skeleton.module.css';

type Shape = 'title' | 'line' | 'shortLine' | 'block';

export function Bone({ shape }: { shape: Shape }) {
  return <span className={classes(styles.bone, styles[shape])} aria-hidden="true" />;
}

/** For screen readers, once for a page. */
export function LoadingText() {
  const { t } = useTranslation();
  return (
    <p role="status" className="visually-hidden">
      {t('app.loading')}
    </p>
  );
}

/** While the code of a page is loaded. */
export function PageSkeleton() {
  return (
    <div className={styles.page}>
      <LoadingText />
      <Bone shape="title" />
      <Bone shape="line" />
      <Bone shape="shortLine" />
    </div>
  );
}
