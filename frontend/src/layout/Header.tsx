/** The top of every page: where one can go, language and theme. */
import { useTranslation } from 'react-i18next';
import { Link, NavLink } from 'react-router';
import controls from '../style/controls.module.css';
import { classes } from '../style/classes';
import { LANGUAGE_NAMES, LANGUAGES, switchLanguage } from '../texts/setup';
import { Icon } from './Icon';
import styles from './Header.module.css';
import { switchTheme, useTheme } from './theme';

export function Header() {
  const { t } = useTranslation();
  return (
    <header className={styles.header}>
      <Link to="/" className={styles.brand}>
        <span className={styles.mark}>
          <Icon name="ticket" size={20} />
        </span>
        <span className={styles.name}>{t('app.name')}</span>
      </Link>
      <nav aria-label={t('app.nav')} className={styles.nav}>
        <NavLink to="/" end className={classes(controls.navLink, styles.link)}>
          {t('app.events')}
        </NavLink>
        <NavLink to="/me" className={classes(controls.navLink, styles.link)}>
          {t('app.mine')}
        </NavLink>
      </nav>
      <div className={styles.switches}>
        <LanguageSwitch />
        <ThemeSwitch />
      </div>
    </header>
  );
}

/** One button for each language that is not spoken now, named in that language. */
function LanguageSwitch() {
  const { i18n } = useTranslation();
  return LANGUAGES.filter((language) => language !== i18n.language).map((language) => (
    <button
      key={language}
      type="button"
      lang={language}
      className={styles.switch}
      aria-label={LANGUAGE_NAMES[language]}
      title={LANGUAGE_NAMES[language]}
      onClick={() => void switchLanguage(language)}
    >
      <span aria-hidden="true">{language.toUpperCase()}</span>
    </button>
  ));
}

function ThemeSwitch() {
  const { t } = useTranslation();
  const isDark = useTheme() === 'dark';
  const label = isDark ? t('app.toLight') : t('app.toDark');
  return (
    <button type="button" className={styles.switch} aria-label={label} title={label} onClick={switchTheme}>
      <Icon name={isDark ? 'sun' : 'moon'} />
    </button>
  );
}
