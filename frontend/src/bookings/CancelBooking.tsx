/** A button that cancels a booking, after asking. */
import { useTranslation } from 'react-i18next';
import type { Booking } from '../api/types';
import { isolated } from '../format/names';
import { AskFirst, Question } from '../layout/AskFirst';
import { useCancelBooking } from './useCancelBooking';

interface Props {
  booking: Booking;
  className: string | undefined;
  onDone: (cancelled: Booking) => void;
}

export function CancelBooking({ booking, className, onDone }: Props) {
  const { t } = useTranslation();
  return (
    <AskFirst
      className={className}
      name={t('booking.cancelNamed', { name: isolated(booking.event_name) })}
      text={t('booking.cancel')}
    >
      {(close, hold) => <CancelQuestion booking={booking} close={close} hold={hold} onDone={onDone} />}
    </AskFirst>
  );
}

interface QuestionProps {
  booking: Booking;
  close: () => void;
  hold: (isHeld: boolean) => void;
  onDone: (cancelled: Booking) => void;
}

function CancelQuestion({ booking, close, hold, onDone }: QuestionProps) {
  const { t } = useTranslation();
  const cancelling = useCancelBooking(booking, (cancelled) => {
    close();
    onDone(cancelled);
  });
  return (
    <Question
      title={t('cancel.title')}
      text={t('cancel.text', { count: booking.seats, name: isolated(booking.event_name) })}
      keep={t('cancel.keep')}
      act={t('cancel.do')}
      acting={cancelling}
      close={close}
      hold={hold}
    />
  );
}
