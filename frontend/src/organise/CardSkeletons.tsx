/** Where cards will be. */
import { Bone } from '../layout/Skeleton';
import controls from '../style/controls.module.css';
import { classes } from '../style/classes';
import page from './Page.module.css';

export function CardSkeletons() {
  return (
    <div className={page.section} aria-hidden="true">
      {[1, 2].map((row) => (
        <div key={row} className={classes(controls.card, page.skeleton)}>
          <Bone shape="line" />
          <Bone shape="shortLine" />
        </div>
      ))}
    </div>
  );
}
