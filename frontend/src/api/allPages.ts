/** Lists that are read to their end, page after page, up to what a page of ours can show. */
export const PAGE_SIZE = 200;
/** Of lists that are longer the beginning has to do. */
export const MOST_PAGES = 10;
/** As many as come at most. */
export const MOST_ITEMS = PAGE_SIZE * MOST_PAGES;

export interface Page<Item> {
  items: Item[];
  next_cursor?: string | null;
}

export type Cursor = { cursor: string } | Record<string, never>;

export async function allPages<Item>(
  ask: (cursor: Cursor) => Promise<Page<Item>>,
  most = MOST_PAGES,
  isEnough: (items: Item[]) => boolean = () => false,
): Promise<Item[]> {
  const items: Item[] = [];
  let cursor: Cursor = {};
  for (let pages = 0; pages < most; pages += 1) {
    const page = await ask(cursor);
    items.push(...page.items);
    if (typeof page.next_cursor !== 'string' || isEnough(page.items)) {
      break;
    }
    cursor = { cursor: page.next_cursor };
  }
  return items;
}
