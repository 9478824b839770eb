/** Asks for more as it comes into view, and when it is pressed: scrolling is not for everyone. */
import { useEffect, useEffectEvent, useRef } from 'react';
import { useTranslation } from 'react-i18next';
import controls from '../style/controls.module.css';
import styles from './MoreButton.module.css';

/** Begins before the end is seen, so that scrolling seldom has to wait. */
const AHEAD = '600px';

interface Props {
  isLoading: boolean;
  /** Then it is for the visitor to try again: by itself it would do so without end. */
  hasFailed: boolean;
  onMore: () => void;
}

export function MoreButton({ isLoading, hasFailed, onMore }: Props) {
  const { t } = useTranslation();
  const button = useRef<HTMLButtonElement>(null);
  const askForMore = useEffectEvent(onMore);
  useEffect(() => {
    if (isLoading || hasFailed || button.current === null) {
      return undefined;
    }
    const observer = new IntersectionObserver(
      (entries) => {
        if (entries.some((entry) => entry.isIntersecting)) {
          askForMore();
        }
      },
      { rootMargin: AHEAD },
    );
    observer.observe(button.current);
    return () => {
      observer.disconnect();
    };
  }, [isLoading, hasFailed]);
  return (
    <div className={styles.more}>
      <button
        ref={button}
        type="button"
        className={controls.quiet}
        aria-disabled={isLoading}
        onClick={() => {
          if (!isLoading) {
            onMore();
          }
        }}
      >
        {isLoading ? t('list.loadingMore') : t(hasFailed ? 'app.retry' : 'list.more')}
      </button>
    </div>
  );
}
