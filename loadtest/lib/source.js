// Sources give a file piece by piece, so that its size costs no memory:
// `await next()` returns the next piece, a string or an ArrayBuffer, or null at the end.
import { open } from 'k6/experimental/fs';
import { text } from './contacts.js';

const pieceBytes = 8 << 20;
const pieceRows = 60_000; // about 8 MiB

// generated is the file of that many rows.
export function generated(first, rows, revision) {
  let at = 0;
  return {
    name: `generated-${rows}.csv`,
    async next() {
      if (at >= rows) return null;
      const from = at;
      at = Math.min(rows, at + pieceRows);
      return text(first, from, at, revision);
    },
  };
}

// onDisk opens a file; it works in the init context alone. VUs share its bytes.
export async function onDisk(path) {
  const file = await open(path);
  return {
    name: path.split('/').pop(),
    async next() {
      const piece = new Uint8Array(pieceBytes);
      const n = await file.read(piece);
      return n === null ? null : piece.buffer.slice(0, n);
    },
  };
}
