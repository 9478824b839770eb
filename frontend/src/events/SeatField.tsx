/** How many seats: typed, or by the buttons at both sides. */
import { useTranslation } from 'react-i18next';
import { Button, Group, I18nProvider, Input, Label, NumberField, Text } from 'react-aria-components';
import { useLocale } from '../format/useFormat';
import { Icon } from '../layout/Icon';
import styles from './SeatField.module.css';

interface Props {
  seats: number;
  most: number;
  hint: string;
  isFixed: boolean;
  onChange: (seats: number) => void;
}

export function SeatField({ seats, most, hint, isFixed, onChange }: Props) {
  const { t } = useTranslation();
  return (
    <I18nProvider locale={useLocale()}>
      <NumberField
        className={styles.field ?? ''}
        value={seats}
        minValue={1}
        maxValue={most}
        // Disabled it would lose the focus, and the keyboard's place on the page with it.
        isReadOnly={isFixed}
        decrementAriaLabel={t('book.fewer')}
        incrementAriaLabel={t('book.more')}
        onChange={onChange}
      >
        <Label className={styles.label ?? ''}>{t('book.seats')}</Label>
        <Group className={styles.group ?? ''}>
          <Button slot="decrement" className={styles.step ?? ''}>
            <Icon name="minus" />
          </Button>
          <Input className={styles.input ?? ''} />
          <Button slot="increment" className={styles.step ?? ''}>
            <Icon name="plus" />
          </Button>
        </Group>
        <Text slot="description" className={styles.hint ?? ''}>
          {hint}
        </Text>
      </NumberField>
    </I18nProvider>
  );
}
