/** Stands for a list of cards while it is loaded. */
import { Bone, LoadingText } from '../layout/Skeleton';
import controls from '../style/controls.module.css';
import { classes } from '../style/classes';
import page from './Page.module.css';

export function RowsSkeleton() {
  return (
    <div className={page.section}>
      <LoadingText />
      {[1, 2, 3].map((row) => (
        <div key={row} className={classes(controls.card, page.skeleton)}>
          <Bone shape="line" />
          <Bone shape="shortLine" />
        </div>
      ))}
    </div>
  );
}
