/** QR codes as paths of SVG: sharp on paper and on every screen. */
import { encode } from 'uqr';

export interface QrPath {
  /** Modules on each side, the quiet zone included. */
  size: number;
  path: string;
}

/** Readers ask for four empty modules around the code. */
const QUIET_ZONE = 4;

export function qrPath(text: string): QrPath {
  const { size, data } = encode(text, { ecc: 'M', border: QUIET_ZONE });
  const rows = data.map((row, y) => row.map((isDark, x) => (isDark ? `M${x} ${y}h1v1h-1z` : '')).join(''));
  return { size, path: rows.join('') };
}
