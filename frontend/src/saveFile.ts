/** Saves a text as a file of the visitor's, by the browser's own way to do so. */
export function saveFile(text: string, name: string, type: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // Browsers read it a moment later.
  window.setTimeout(() => {
    URL.revokeObjectURL(url);
  }, 10_000);
}
