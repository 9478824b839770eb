/** Saves a table as a file of the visitor's, by the browser's own way to do so. */

/** Without it a spreadsheet takes the text for one of the last century. */
const BYTE_ORDER_MARK = '\uFEFF';

export function saveCsv(table: string, name: string): void {
  const url = URL.createObjectURL(new Blob([BYTE_ORDER_MARK, table], { type: 'text/csv;charset=utf-8' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // Browsers read it a moment later.
  window.setTimeout(() => {
    URL.revokeObjectURL(url);
  }, 10_000);
}
