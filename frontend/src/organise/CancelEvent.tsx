/** A button that cancels an event, after naming what that means. */
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Dialog, Heading, Modal, ModalOverlay } from 'react-aria-components';
import { api, dataOf } from '../api/client';
import { isPassing, waitBeforeRetry } from '../api/problem';
import type { Entry, Event } from '../api/types';
import dialog from '../bookings/CancelBooking.module.css';
import { eventQuery } from '../events/queries';
import { isolated } from '../format/names';
import controls from '../style/controls.module.css';
import { classes } from '../style/classes';
import { problemText } from '../texts/problemText';
import styles from './CancelEvent.module.css';
import { historyKey, organisedKey } from './queries';
import { newestSeats } from './series';

const MOST_RETRIES = 3;

interface Props {
  event: Event;
  onDone: () => void;
}

export function CancelEvent({ event, onDone }: Props) {
  const { t } = useTranslation();
  const [isAsking, setAsking] = useState(false);
  const close = () => {
    setAsking(false);
  };
  return (
    <>
      <button
        type="button"
        className={classes(controls.plain, styles.open)}
        onClick={() => {
          setAsking(true);
        }}
      >
        {t('organise.cancel.do')}
      </button>
      <ModalOverlay isDismissable isOpen={isAsking} onOpenChange={setAsking} className={dialog.veil ?? ''}>
        <Modal className={dialog.modal ?? ''}>
          <Dialog role="alertdialog" className={dialog.dialog ?? ''}>
            <Question event={event} close={close} onDone={onDone} />
          </Dialog>
        </Modal>
      </ModalOverlay>
    </>
  );
}

/** Twice is the same as once, so it is tried again after what passes. */
function useCancelEvent(event: Event, onDone: () => void) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => dataOf(api.POST('/events/{id}/cancel', { params: { path: { id: event.id } } })),
    retry: (failures, error) => failures < MOST_RETRIES && isPassing(error),
    retryDelay: waitBeforeRetry,
    onSuccess: (cancelled) => {
      client.setQueryData(eventQuery(event.id).queryKey, cancelled);
      void client.invalidateQueries({ queryKey: organisedKey });
      void client.invalidateQueries({ queryKey: historyKey(event.id) });
      onDone();
    },
  });
}

function Question({ event, close, onDone }: Props & { close: () => void }) {
  const { t } = useTranslation();
  const entries = useQueryClient().getQueryData<Entry[]>(historyKey(event.id)) ?? [];
  const sold = newestSeats(entries)?.seats_sold ?? event.seats_sold;
  const cancelling = useCancelEvent(event, () => {
    close();
    onDone();
  });
  return (
    <>
      <Heading slot="title">{t('organise.cancel.title')}</Heading>
      <p className={dialog.text}>{t('organise.cancel.text', { name: isolated(event.name) })}</p>
      <ul className={styles.consequences}>
        <li>{t('organise.cancel.seats', { count: sold })}</li>
        <li>{t('organise.cancel.sales')}</li>
        <li>{t('organise.cancel.final')}</li>
      </ul>
      {cancelling.isError && (
        <p role="alert" className={controls.alert}>
          {problemText(t, cancelling.error)}
        </p>
      )}
      <div className={dialog.actions}>
        {/* The dialog opens with the harmless answer in focus. */}
        <button type="button" autoFocus className={controls.quiet} onClick={close}>
          {t('organise.cancel.keep')}
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
          {cancelling.isPending ? t('cancel.doing') : t('organise.cancel.do')}
        </button>
      </div>
    </>
  );
}
