/** Starts the platform that the tests share, where none is named that runs already. */
import { OwnPlatform, ownProgram } from './ownPlatform';

export default async function startPlatform(): Promise<(() => Promise<void>) | undefined> {
  if (ownProgram() === undefined) return undefined;
  const platform = await OwnPlatform.start();
  process.env['MYEVENTS_PAGE'] = platform.page;
  return () => platform.remove();
}
