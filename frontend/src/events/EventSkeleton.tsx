/** The event page while its event is on the way. */
import { Bone, LoadingText } from '../layout/Skeleton';
import controls from '../style/controls.module.css';
import { classes } from '../style/classes';
import { BackToList } from './BackToList';
import card from './BookingCard.module.css';
import page from './EventPage.module.css';

export function EventSkeleton() {
  return (
    <>
      <LoadingText />
      <BackToList />
      <div className={page.page}>
        <div className={page.head}>
          <Bone shape="title" />
          <Bone shape="line" />
          <Bone shape="shortLine" />
          <Bone shape="line" />
          <Bone shape="shortLine" />
        </div>
        <div className={classes(controls.card, card.card)}>
          <Bone shape="line" />
          <Bone shape="block" />
          <Bone shape="block" />
          <Bone shape="shortLine" />
        </div>
      </div>
    </>
  );
}
