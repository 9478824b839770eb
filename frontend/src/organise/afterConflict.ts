/** What becomes of a change that somebody else's has preceded. */
import { rememberSeen } from '../api/consistency';
import { ApiError } from '../api/problem';

/** Runs `takeOver` where a change of `stream` was refused for that; what it reads is no older than what the refusal tells. */
export function afterConflict(
  error: unknown,
  stream: string,
  takeOver: () => Promise<void>,
): Promise<void> | undefined {
  if (!(error instanceof ApiError && error.kind === 'precondition-failed')) {
    return undefined;
  }
  rememberSeen(stream, error.members.current_version);
  return takeOver();
}
