/** A button that cancels an event, after naming what that means. */
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api, dataOf } from '../api/client';
import { RETRIED } from '../api/problem';
import type { Entry, Event } from '../api/types';
import { eventQuery } from '../events/queries';
import { isolated } from '../format/names';
import { AskFirst, Question } from '../layout/AskFirst';
import controls from '../style/controls.module.css';
import { classes } from '../style/classes';
import styles from './CancelEvent.module.css';
import { historyKey, organisedKey } from './queries';
import { newestSeats } from './series';

interface Props {
  event: Event;
  onDone: () => void;
}

export function CancelEvent({ event, onDone }: Props) {
  const { t } = useTranslation();
  return (
    <AskFirst className={classes(controls.plain, styles.open)} text={t('organise.cancel.do')}>
      {(close, hold) => <CancelQuestion event={event} close={close} hold={hold} onDone={onDone} />}
    </AskFirst>
  );
}

/** Twice is the same as once, so it is tried again after what passes. */
function useCancelEvent(event: Event, onDone: () => void) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => dataOf(api.POST('/events/{id}/cancel', { params: { path: { id: event.id } } })),
    ...RETRIED,
    onSuccess: (cancelled) => {
      client.setQueryData(eventQuery(event.id).queryKey, cancelled);
      void client.invalidateQueries({ queryKey: organisedKey });
      void client.invalidateQueries({ queryKey: historyKey(event.id) });
      onDone();
    },
  });
}

interface QuestionProps extends Props {
  close: () => void;
  hold: (isHeld: boolean) => void;
}

function CancelQuestion({ event, close, hold, onDone }: QuestionProps) {
  const { t } = useTranslation();
  const entries = useQueryClient().getQueryData<Entry[]>(historyKey(event.id)) ?? [];
  const sold = newestSeats(entries)?.seats_sold ?? event.seats_sold;
  const cancelling = useCancelEvent(event, () => {
    close();
    onDone();
  });
  return (
    <Question
      title={t('organise.cancel.title')}
      text={t('organise.cancel.text', { name: isolated(event.name) })}
      keep={t('organise.cancel.keep')}
      act={t('organise.cancel.do')}
      acting={cancelling}
      close={close}
      hold={hold}
    >
      <ul className={styles.consequences}>
        <li>{t('organise.cancel.seats', { count: sold })}</li>
        <li>{t('organise.cancel.sales')}</li>
        <li>{t('organise.cancel.final')}</li>
      </ul>
    </Question>
  );
}
