// Contacts whose right outcome is known beforehand. The columns are those of
// `bulkhead generate contacts`, so its files fit as well. All text is ASCII: a
// character is a byte.

export const dataset = __ENV.DATASET || 'loadtest_contacts';

export const spec = {
  title: 'Contacts of load tests',
  key: ['id'],
  columns: [
    { name: 'id', type: 'text', required: true, pattern: 'C[0-9]{9,18}' },
    { name: 'name', type: 'text', required: true, max_length: 80 },
    { name: 'email', type: 'email' },
    { name: 'phone', type: 'text', pattern: '\\+[0-9]{7,15}' },
    { name: 'country', type: 'enum', values: ['AT', 'BR', 'CA', 'CH', 'CZ', 'DE', 'DK', 'ES', 'FR', 'GB', 'IN', 'IT', 'JP', 'NL', 'PL', 'SE', 'TR', 'US'] },
    { name: 'city', type: 'text', max_length: 60 },
    { name: 'created_at', type: 'timestamp', required: true },
    { name: 'balance', type: 'decimal' },
    { name: 'active', type: 'boolean' },
    { name: 'notes', type: 'text', max_length: 500 },
  ],
};

const header = 'id,name,email,phone,country,city,created_at,balance,active,notes\n';
const countries = ['DE', 'FR', 'GB', 'US', 'JP', 'SE', 'BR'];

// Of a hundred rows two break a rule and one repeats the key of the row before it.
const isBroken = (i) => i % 50 === 49;
const isRepeat = (i) => i % 100 === 51;

// keyOf is the id of row i of a file that begins with key number first.
const keyOf = (first, i) => 'C' + String(first + (isRepeat(i) ? i - 1 : i)).padStart(9, '0');

// nameOf tells every version of every row apart, so that what landed can be compared.
const nameOf = (i, revision) => `Person ${i} of revision ${revision}`;

function line(first, i, revision) {
  const key = keyOf(first, i);
  const country = isBroken(i) ? 'xx' : countries[i % countries.length];
  const note = i % 10 === 0 ? `"Said ""hello"", then\nleft, ${i}"` : 'Met at the fair; asked for an offer';
  return `${key},${nameOf(i, revision)},p${i}@example.com,+4940${1000000 + (i % 1000000)},${country},Hamburg,2021-03-04T05:06:07Z,${i % 9000}.25,${i % 3 === 0},${note}\n`;
}

// text is the file of rows from..to-1; the one from row 0 on has the header.
export function text(first, from, to, revision) {
  const lines = from === 0 ? [header] : [];
  for (let i = from; i < to; i++) lines.push(line(first, i, revision));
  return lines.join('');
}

// outcome is what importing rows 0..rows-1 must report: keys that are new to the
// account, or with known all of them there already.
export function outcome(rows, known) {
  const want = { read: rows, created: 0, updated: 0, superseded: 0, rejected: 0, over_quota: 0, unprocessed: 0 };
  for (let i = 0; i < rows; i++) {
    if (isBroken(i)) want.rejected++;
    else if (isRepeat(i)) want.superseded++;
    else want[known ? 'updated' : 'created']++;
  }
  return want;
}

// records is what the dataset must then hold of the file: id → name.
export function records(first, rows, revision) {
  const held = new Map();
  for (let i = 0; i < rows; i++) if (!isBroken(i)) held.set(keyOf(first, i), nameOf(i, revision));
  return held;
}

// brokenLines are the physical lines on which the rejected rows begin, from 1.
export function brokenLines(rows) {
  const lines = [];
  for (let i = 0, at = 2; i < rows; i++) {
    if (isBroken(i)) lines.push(at);
    at += i % 10 === 0 ? 2 : 1;
  }
  return lines;
}
