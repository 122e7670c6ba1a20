// A whale beside many: one account imports a large file while twenty others import small
// ones again and again, in turn new rows and new versions of those, and look at the
// console's pages after each. In the end every account must hold exactly what it sent,
// the small imports must not have waited, and no request may have failed.
//
//   BASE_URL=http://127.0.0.1:8080 API_KEY=bhk_… k6 run loadtest/mixed.js
//
// ROWS: of the large file, 1,000,000; it is made here, or with FILE (and ANSWER, what
//   the generator said) read from disk:
//     bulkhead generate contacts --rows 1000000 >contacts.csv 2>answer.json
// ACCOUNTS: that import small files, 20. SMALL_ROWS: of those, 1,000. ITERATIONS: files
//   of each, 10. THINK: seconds between them, 0.5.
// P95, P99: milliseconds that small imports may take from the first byte sent to
//   completed, 3,000 and 6,000. TIMEOUT, DATASET, OUT: as in smoke.js. NAME: of the result.
import exec from 'k6/execution';
import { check, sleep } from 'k6';
import { Trend } from 'k6/metrics';
import { client, newAccount, operator } from './lib/api.js';
import { dataset, outcome, records, spec, text } from './lib/contacts.js';
import { checkCounts, checkRecords, checkUsage, countRecords, follow, post, upload } from './lib/imports.js';
import { report } from './lib/report.js';
import { generated, onDisk } from './lib/source.js';

const number = (name, otherwise) => Number(__ENV[name] || otherwise);
const smallRows = number('SMALL_ROWS', 1000);
const iterations = number('ITERATIONS', 10);
const accounts = number('ACCOUNTS', 20);
const timeout = number('TIMEOUT', 600);
const answer = __ENV.ANSWER ? JSON.parse(open(__ENV.ANSWER)) : null;
const file = __ENV.FILE ? await onDisk(__ENV.FILE) : null;
if (file && !answer) throw new Error('FILE needs ANSWER: what the generator wrote to standard error.');
const rows = answer ? answer.rows : number('ROWS', 1_000_000);

const smallImport = new Trend('small_import_ms', true);
const whaleSeconds = new Trend('whale_seconds');
const whaleRate = new Trend('whale_rows_per_second');

export const options = {
  setupTimeout: '2m',
  summaryTrendStats: ['min', 'med', 'p(95)', 'p(99)', 'max', 'count'],
  scenarios: {
    whale: { executor: 'shared-iterations', exec: 'whale', vus: 1, iterations: 1, maxDuration: `${timeout}s` },
    small: { executor: 'per-vu-iterations', exec: 'small', vus: accounts, iterations, maxDuration: `${timeout}s` },
  },
  thresholds: {
    checks: ['rate==1'],
    imports_checked: [`count==${1 + accounts * iterations}`],
    'http_req_failed{kind:api}': ['rate==0'],
    'http_req_failed{kind:page}': ['rate==0'],
    'http_req_duration{kind:page}': ['max>=0'], // so that it is reported
    small_import_ms: [`p(95)<${number('P95', 3000)}`, `p(99)<${number('P99', 6000)}`],
  },
};

export const handleSummary = report(__ENV.NAME || 'mixed', { rows, accounts, small_rows: smallRows, iterations });

export function setup() {
  operator.ask('PUT', `/v1/datasets/${dataset}`, 200, spec);
  // one a VU, whatever its number: the whale's has one too, which stays empty
  const small = Array.from({ length: accounts + 1 }, (_, i) => newAccount(`load small ${i + 1}`, smallRows * iterations));
  return { whale: newAccount('load whale', rows), small };
}

export async function whale(made) {
  const api = client(made.whale.key);
  const want = answer
    ? { read: rows, created: answer.created, updated: 0, superseded: answer.superseded, rejected: answer.rejected, over_quota: 0, unprocessed: 0 }
    : outcome(rows, false);
  const begun = Date.now();
  const imp = follow(api, await upload(api, 'create', file || generated(1, rows, 1)));
  const seconds = (Date.now() - begun) / 1000;
  whaleSeconds.add(seconds);
  whaleRate.add(rows / seconds);
  checkCounts(imp, want);
  checkUsage(api, want.created);
  check(countRecords(api), { 'the whale\'s records are all there': (n) => n === want.created });
}

const held = new Map(); // of this VU's account: id → name

// small sends new rows in even turns; in odd ones it sends the same keys again with other
// values. The last turn compares every record of the account.
export function small(made) {
  const turn = exec.vu.iterationInScenario;
  const api = client(made.small[exec.vu.idInTest - 1].key);
  const first = 1 + (turn - (turn % 2)) * smallRows;
  const known = turn % 2 === 1;
  const body = text(first, 0, smallRows, turn);

  const begun = Date.now();
  const imp = follow(api, post(api, known ? 'upsert' : 'create', `small-${turn}.csv`, body));
  smallImport.add(Date.now() - begun);
  checkCounts(imp, outcome(smallRows, known));
  for (const [id, name] of records(first, smallRows, turn)) held.set(id, name);
  checkUsage(api, held.size);
  openPages(api, imp);
  if (turn === iterations - 1) checkRecords(api, held);
  sleep(number('THINK', 0.5));
}

// openPages looks at the import the way a person would; pages take a key as well.
function openPages(api, imp) {
  for (const path of ['/imports', `/imports/${imp.id}`, '/usage']) {
    const res = api.send('GET', path, null, {}, { kind: 'page', name: path.replace(imp.id, '{id}') });
    check(res, { 'page is shown': (r) => r.status === 200 && (path === '/usage' || r.body.includes(imp.filename)) });
  }
}
