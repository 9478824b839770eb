/** A button that cancels a booking, after asking. */
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Dialog, Heading, Modal, ModalOverlay } from 'react-aria-components';
import type { Booking } from '../api/types';
import { isolated } from '../format/names';
import controls from '../style/controls.module.css';
import { problemText } from '../texts/problemText';
import styles from './CancelBooking.module.css';
import { useCancelBooking } from './useCancelBooking';

interface Props {
  booking: Booking;
  className: string | undefined;
  onDone: (cancelled: Booking) => void;
}

export function CancelBooking({ booking, className, onDone }: Props) {
  const { t } = useTranslation();
  const [isAsking, setAsking] = useState(false);
  return (
    <>
      <button
        type="button"
        className={className}
        aria-label={t('booking.cancelNamed', { name: isolated(booking.event_name) })}
        onClick={() => {
          setAsking(true);
        }}
      >
        {t('booking.cancel')}
      </button>
      <ModalOverlay isDismissable isOpen={isAsking} onOpenChange={setAsking} className={styles.veil ?? ''}>
        <Modal className={styles.modal ?? ''}>
          <Dialog role="alertdialog" className={styles.dialog ?? ''}>
            <Question
              booking={booking}
              close={() => {
                setAsking(false);
              }}
              onDone={onDone}
            />
          </Dialog>
        </Modal>
      </ModalOverlay>
    </>
  );
}

interface QuestionProps {
  booking: Booking;
  close: () => void;
  onDone: (cancelled: Booking) => void;
}

function Question({ booking, close, onDone }: QuestionProps) {
  const { t } = useTranslation();
  const cancelling = useCancelBooking(booking, (cancelled) => {
    close();
    onDone(cancelled);
  });
  const name = isolated(booking.event_name);
  return (
    <>
      <Heading slot="title">{t('cancel.title')}</Heading>
      <p className={styles.text}>{t('cancel.text', { count: booking.seats, name })}</p>
      {cancelling.isError && (
        <p role="alert" className={controls.alert}>
          {problemText(t, cancelling.error)}
        </p>
      )}
      <div className={styles.actions}>
        {/* The dialog opens with the harmless answer in focus. */}
        <button type="button" autoFocus className={controls.quiet} onClick={close}>
          {t('cancel.keep')}
        </button>
        <button
          type="button"
          className={controls.danger}
          aria-disabled={cancelling.isPending}
          onClick={() => {
            if (!cancelling.isPending) {
              cancelling.mutate();
            }
          }}
        >
          {cancelling.isPending ? t('cancel.doing') : t('cancel.do')}
        </button>
      </div>
    </>
  );
}
