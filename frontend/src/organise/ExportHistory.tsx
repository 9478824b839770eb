/** A button that saves the whole history of an event as a file. */
import { useMutation } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import type { Event } from '../api/types';
import controls from '../style/controls.module.css';
import { problemText } from '../texts/problemText';
import { historyCsv } from './csv';
import { saveCsv } from './saveCsv';
import { wholeHistory } from './queries';

export function ExportHistory({ event }: { event: Event }) {
  const { t } = useTranslation();
  const saving = useMutation({
    mutationFn: () => wholeHistory(event.id),
    onSuccess: (entries) => {
      saveCsv(historyCsv(entries.toReversed()), `history-${event.id}.csv`);
    },
  });
  return (
    <>
      <button
        type="button"
        className={controls.quiet}
        aria-disabled={saving.isPending}
        onClick={() => {
          if (!saving.isPending) {
            saving.mutate();
          }
        }}
      >
        {t(saving.isPending ? 'organise.exporting' : 'organise.export')}
      </button>
      {saving.isError && (
        <p role="alert" className={controls.alert}>
          {problemText(t, saving.error)}
        </p>
      )}
    </>
  );
}
