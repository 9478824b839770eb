/** Where an organiser can go. */
import { useTranslation } from 'react-i18next';
import { NavLink } from 'react-router';
import controls from '../style/controls.module.css';
import { classes } from '../style/classes';
import styles from './OrganiseNav.module.css';

export function OrganiseNav() {
  const { t } = useTranslation();
  return (
    <nav aria-label={t('app.organise')} className={styles.nav}>
      <NavLink to="/organise" end className={classes(controls.navLink, styles.link)}>
        {t('organise.overview')}
      </NavLink>
      <NavLink to="/organise/events/new" className={classes(controls.navLink, styles.link)}>
        {t('organise.newEvent')}
      </NavLink>
      <NavLink to="/organise/locations" className={classes(controls.navLink, styles.link)}>
        {t('organise.places')}
      </NavLink>
    </nav>
  );
}
