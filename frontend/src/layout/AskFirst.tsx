/** A button for what cannot be taken back: it asks first. */
import { useEffect, useState, type ReactNode } from 'react';
import { Dialog, Heading, Modal, ModalOverlay, Text } from 'react-aria-components';
import { useTranslation } from 'react-i18next';
import controls from '../style/controls.module.css';
import { problemText } from '../texts/problemText';
import styles from './AskFirst.module.css';

interface Props {
  className: string | undefined;
  /** What is read out, where that is more than what is shown. */
  name?: string;
  text: string;
  /** What is asked: a `Question`, made anew each time. It stays while it is `held`, or nobody would see what comes of it. */
  children: (close: () => void, hold: (isHeld: boolean) => void) => ReactNode;
}

export function AskFirst({ className, name, text, children }: Props) {
  const [isAsking, setAsking] = useState(false);
  const [isHeld, setHeld] = useState(false);
  const close = () => {
    setAsking(false);
    setHeld(false);
  };
  return (
    <>
      <button
        type="button"
        className={className}
        aria-label={name}
        onClick={() => {
          setAsking(true);
        }}
      >
        {text}
      </button>
      <ModalOverlay
        isDismissable={!isHeld}
        isKeyboardDismissDisabled={isHeld}
        isOpen={isAsking}
        onOpenChange={setAsking}
        className={styles.veil ?? ''}
      >
        <Modal className={styles.modal ?? ''}>
          <Dialog role="alertdialog" className={styles.dialog ?? ''}>
            {children(close, setHeld)}
          </Dialog>
        </Modal>
      </ModalOverlay>
    </>
  );
}

interface QuestionProps {
  title: string;
  text: string;
  /** What else there is to know. */
  children?: ReactNode;
  keep: string;
  act: string;
  acting: { isPending: boolean; error: Error | null; mutate: () => void };
  close: () => void;
  hold: (isHeld: boolean) => void;
}

export function Question({ title, text, children, keep, act, acting, close, hold }: QuestionProps) {
  const { t } = useTranslation();
  const { isPending } = acting;
  useEffect(() => {
    hold(isPending);
  }, [hold, isPending]);
  return (
    <>
      <Heading slot="title">{title}</Heading>
      <Text slot="description" elementType="div" className={styles.description ?? ''}>
        <p className={styles.text}>{text}</p>
        {children}
      </Text>
      {acting.error !== null && (
        <p role="alert" className={controls.alert}>
          {problemText(t, acting.error)}
        </p>
      )}
      <div className={styles.actions}>
        {/* The dialog opens with the harmless answer in focus. */}
        <button
          type="button"
          autoFocus
          className={controls.quiet}
          aria-disabled={isPending}
          onClick={() => {
            if (!isPending) {
              close();
            }
          }}
        >
          {keep}
        </button>
        <button
          type="button"
          className={controls.danger}
          aria-disabled={acting.isPending}
          onClick={() => {
            if (!acting.isPending) {
              acting.mutate();
            }
          }}
        >
          {acting.isPending ? t('cancel.doing') : act}
        </button>
      </div>
    </>
  );
}
