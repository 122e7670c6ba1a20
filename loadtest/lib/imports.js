// Imports from the first byte to the last check.
import { check, fail, sleep } from 'k6';
import { Counter } from 'k6/metrics';
import { newIdempotencyKey } from './api.js';
import { dataset } from './contacts.js';

// How often a client was cut off and went on where the server stood.
const resumes = new Counter('upload_resumes');
// Rows whose outcome was compared with what it had to be.
const rowsChecked = new Counter('rows_checked');
// Imports that ended and were compared; one that never ended is missing here.
const importsChecked = new Counter('imports_checked');

const timeout = Number(__ENV.TIMEOUT || 600); // seconds without an end
const passing = [0, 409, 423, 500, 502, 503, 504]; // a client comes again

// post sends a small file in one request. The idempotency key makes it safe to repeat;
// a file that was cut in the middle goes on by tus.
export function post(api, mode, filename, body) {
  const headers = { 'Content-Type': 'text/csv', 'Idempotency-Key': newIdempotencyKey() };
  const path = `/v1/imports?dataset=${dataset}&mode=${mode}&filename=${filename}`;
  for (let begun = Date.now(); ; ) {
    const res = api.send('POST', path, body, headers, { kind: 'upload', name: 'POST /v1/imports (file)' });
    if (res.status === 202) return res.json('id');
    if (res.status === 409 && res.json('code') === 'upload_incomplete') {
      const id = res.json('import_id');
      sendPiece(api, id, 0, body, body.length);
      return id;
    }
    if (!passing.includes(res.status) || Date.now() - begun > timeout * 1000) fail(`POST ${path}: ${res.status} ${res.error || res.body}`);
    resumes.add(1);
    sleep(0.5);
  }
}

// upload sends a file of any size by tus and returns its import.
export async function upload(api, mode, source) {
  const { id } = api.ask('POST', '/v1/imports', 201, { dataset, mode, filename: source.name });
  let at = 0;
  for (let piece = await source.next(); piece !== null; ) {
    const following = await source.next(); // the last piece says how long the file is
    const end = at + sizeOf(piece);
    sendPiece(api, id, at, piece, following === null ? end : -1);
    at = end;
    piece = following;
  }
  return id;
}

const sizeOf = (piece) => (typeof piece === 'string' ? piece.length : piece.byteLength);

// sendPiece sends the bytes of a file from start on, and goes on after every failure
// that passes. total is the file's length when the piece is its last, else -1.
function sendPiece(api, id, start, piece, total) {
  const end = start + sizeOf(piece);
  const path = `/v1/imports/${id}/content`;
  const tags = { kind: 'upload', name: 'PATCH /v1/imports/{id}/content' };
  for (let at = start, begun = Date.now(); ; ) {
    const headers = { 'Tus-Resumable': '1.0.0', 'Content-Type': 'application/offset+octet-stream', 'Upload-Offset': String(at) };
    if (total >= 0) headers['Upload-Length'] = String(total);
    const res = api.send('PATCH', path, piece.slice(at - start), headers, tags);
    if (res.status === 204) {
      at = Number(res.headers['Upload-Offset']);
      if (at === end) return;
    }
    if (res.status !== 204 && !passing.includes(res.status)) fail(`PATCH ${path}: ${res.status} ${res.error || res.body}`);
    if (Date.now() - begun > timeout * 1000) fail(`PATCH ${path}: no progress from byte ${at} in ${timeout} s`);
    resumes.add(1);
    at = offset(api, id, at);
    if (at < start || at > end) fail(`the server stands at byte ${at} of ${path}, but acknowledged ${start}`);
    if (at === end && sealed(api, id, total)) return;
  }
}

// offset asks where the server stands; while it cannot say, it stands where it stood.
function offset(api, id, before) {
  sleep(0.5);
  const res = api.send('HEAD', `/v1/imports/${id}/content`, null, { 'Tus-Resumable': '1.0.0' }, { kind: 'upload', name: 'HEAD /v1/imports/{id}/content' });
  return res.status === 200 ? Number(res.headers['Upload-Offset']) : before;
}

// sealed reports whether nothing is missing: all bytes are there, and the server knows
// when that was the whole file.
function sealed(api, id, total) {
  return total < 0 || api.ask('GET', `/v1/imports/${id}`, 200, undefined, 'GET /v1/imports/{id}').sealed;
}

// follow waits for the end of an import and returns it.
export function follow(api, id) {
  for (const begun = Date.now(); ; ) {
    const imp = api.ask('GET', `/v1/imports/${id}`, 200, undefined, 'GET /v1/imports/{id}');
    if (imp.finished_at !== null) return imp;
    const seconds = (Date.now() - begun) / 1000;
    if (seconds > timeout) fail(`import ${id} is still ${imp.state} after ${timeout} s: ${JSON.stringify(imp.rows)}`);
    sleep(seconds < 1 ? 0.05 : 0.25);
  }
}

// checkCounts compares an import that ended with what its file had to give.
export function checkCounts(imp, want) {
  const names = Object.keys(want);
  const ok = check(imp, {
    'state as expected': (i) => i.state === (want.rejected > 0 ? 'completed_with_rejects' : 'completed'),
    'every count exact': (i) => names.every((n) => i.rows[n] === want[n]),
    'every batch committed': (i) => i.batches.committed === i.batches.total && i.batches.quarantined === 0,
  });
  if (!ok) console.error(`import ${imp.id}: ${imp.state} ${JSON.stringify(imp.rows)} ${JSON.stringify(imp.batches)} ${JSON.stringify(imp.error)}, want ${JSON.stringify(want)}`);
  rowsChecked.add(want.read);
  importsChecked.add(1);
}

// checkUsage wants exactly so many records in the account.
export function checkUsage(api, want) {
  const usage = api.ask('GET', '/v1/usage', 200);
  if (!check(usage, { 'usage exact': (u) => u.records === want })) console.error(`usage is ${JSON.stringify(usage)}, want ${want}`);
}

// eachPage calls fn with every page of the account's records, as lines of NDJSON.
function eachPage(api, fn) {
  for (let cursor = ''; ; ) {
    const res = api.send('GET', `/v1/datasets/${dataset}/records?limit=10000${cursor && `&cursor=${encodeURIComponent(cursor)}`}`, null,
      { Accept: 'application/x-ndjson' }, { name: 'GET /v1/datasets/{name}/records' });
    if (!check(res, { 'records are listed': (r) => r.status === 200 })) fail(`records: ${res.status} ${res.error || res.body}`);
    fn(res.body.split('\n').slice(0, -1));
    cursor = res.headers['Next-Cursor'];
    if (!cursor) return;
  }
}

// countRecords walks through all records and returns how many there are; their keys
// must ascend, so that none is counted twice.
export function countRecords(api) {
  let n = 0;
  let last = '';
  let ascending = true;
  eachPage(api, (lines) => {
    n += lines.length;
    if (lines.length === 0) return;
    const [first, end] = [JSON.parse(lines[0]).id, JSON.parse(lines[lines.length - 1]).id];
    ascending = ascending && last < first && first <= end;
    last = end;
  });
  check(ascending, { 'records in the order of their keys': (a) => a });
  return n;
}

// checkRecords wants exactly these records, id → name, in the account.
export function checkRecords(api, want) {
  let wrong = 0;
  let n = 0;
  eachPage(api, (lines) => {
    for (const l of lines) {
      const r = JSON.parse(l);
      n++;
      if (want.get(r.id) !== r.name) wrong++;
    }
  });
  if (!check(null, { 'records exactly as sent': () => wrong === 0 && n === want.size })) {
    console.error(`${n} records, ${wrong} of them wrong; want ${want.size}`);
  }
}
