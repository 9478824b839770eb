/**
 * Which language the page speaks: the visitor's choice, else the browser's, else English.
 *
 * To add a language, add a file like `de.ts` and name it in LANGUAGES and `loaders`.
 */
import i18next, { type Resource } from 'i18next';
import { initReactI18next } from 'react-i18next';
import en from './en';

export const LANGUAGES = ['en', 'de'] as const;
export type Language = (typeof LANGUAGES)[number];

/** What each language is called by those who speak it. */
export const LANGUAGE_NAMES: Record<Language, string> = { en: 'English', de: 'Deutsch' };

const STORED_AS = 'myevents.language';
/** English is there from the start, to fall back on. */
const loaders: Record<Language, () => Promise<{ default: Record<string, string> }>> = {
  en: () => Promise.resolve({ default: en }),
  de: () => import('./de'),
};

export async function setUpTexts(): Promise<void> {
  const language = chooseLanguage(stored(), navigator.languages);
  const resources: Resource = { en: { translation: en } };
  i18next.on('languageChanged', (now) => {
    document.documentElement.lang = now;
  });
  await i18next.use(initReactI18next).init({
    lng: 'en',
    fallbackLng: 'en',
    resources,
    keySeparator: false,
    nsSeparator: false,
    showSupportNotice: false,
    // React escapes.
    interpolation: { escapeValue: false },
  });
  await speak(language).catch((failure: unknown) => {
    console.warn('The page stays in English:', failure);
  });
}

/** Changes the language and remembers it. */
export async function switchLanguage(language: Language): Promise<void> {
  await speak(language);
  try {
    localStorage.setItem(STORED_AS, language);
  } catch {
    // Storage is forbidden: the choice lasts as long as the page.
  }
}

export function chooseLanguage(choice: string | undefined, preferred: readonly string[]): Language {
  const wished = [choice ?? '', ...preferred].map((locale) => locale.split('-')[0]);
  const language = wished.find((name) => LANGUAGES.some((known) => known === name));
  return LANGUAGES.find((known) => known === language) ?? 'en';
}

async function speak(language: Language): Promise<void> {
  const { default: texts } = await loaders[language]();
  i18next.addResourceBundle(language, 'translation', texts);
  await i18next.changeLanguage(language);
}

function stored(): string | undefined {
  try {
    return localStorage.getItem(STORED_AS) ?? undefined;
  } catch {
    return undefined;
  }
}
