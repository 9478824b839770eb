/** Which conventions the functions of `time.ts` are to follow now. */
import { useTranslation } from 'react-i18next';
import { localeFor } from './locale';

export function useLocale(): string {
  const { i18n } = useTranslation();
  return localeFor(i18n.language, navigator.languages);
}
