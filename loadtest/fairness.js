// Small imports beside large ones: how much slower are they than alone? Accounts in turn
// import small files, one after the other, first with nobody else there, then while
// whales have batches waiting. The slowdown is the ratio of the two 99th percentiles, so
// it needs no bound that fits the machine. In the end every account must hold exactly
// what it sent.
//
//   BASE_URL=http://127.0.0.1:8080 API_KEY=bhk_… k6 run loadtest/fairness.js
//
// SMALL: imports of each of the two phases, 60; of SMALL_ROWS rows, 1,000, by ACCOUNTS
//   accounts, 10. WHALES: large imports, an account each, 2; of ROWS rows, 500,000. They
//   must last until the small ones are done: those that come too late are not measured,
//   and below half of SMALL the run fails.
// SLOWDOWN: that is allowed, of p99, 1.5. TIMEOUT: seconds until the run is given up, 600.
// DATASET, OUT: as in smoke.js. NAME: of the result.
import exec from 'k6/execution';
import { sleep } from 'k6';
import { Counter, Trend } from 'k6/metrics';
import { client, newAccount, operator } from './lib/api.js';
import { dataset, outcome, spec, text } from './lib/contacts.js';
import { checkCounts, checkUsage, follow, post, upload } from './lib/imports.js';
import { report } from './lib/report.js';
import { generated } from './lib/source.js';

const number = (name, otherwise) => Number(__ENV[name] || otherwise);
const small = number('SMALL', 60);
const smallRows = number('SMALL_ROWS', 1000);
const accounts = number('ACCOUNTS', 10);
const whales = number('WHALES', 2);
const rows = number('ROWS', 500_000);
const slowdownAllowed = number('SLOWDOWN', 1.5);
const timeout = number('TIMEOUT', 600);

const alone = new Trend('small_alone_ms', true);
const beside = new Trend('small_beside_ms', true);
const measured = new Counter('small_beside_whales'); // that ended while all whales had batches waiting
const slowdown = new Trend('slowdown');
const slowdownMedian = new Trend('slowdown_median');

export const options = {
  setupTimeout: `${timeout}s`,
  summaryTrendStats: ['min', 'med', 'p(95)', 'p(99)', 'max', 'count'],
  scenarios: {
    small: { executor: 'per-vu-iterations', exec: 'besideWhales', vus: 1, iterations: 1, maxDuration: `${timeout}s` },
    whales: { executor: 'per-vu-iterations', exec: 'whale', vus: whales, iterations: 1, maxDuration: `${timeout}s` },
  },
  thresholds: {
    checks: ['rate==1'],
    imports_checked: [`count==${whales + accounts + 2 * small}`],
    'http_req_failed{kind:api}': ['rate==0'],
    small_beside_whales: [`count>=${small / 2}`],
    slowdown: [`max<=${slowdownAllowed}`],
  },
};

export const handleSummary = report(__ENV.NAME || 'fairness', { small, small_rows: smallRows, accounts, whales, rows });

// setup makes the accounts and measures small imports while nobody else is there. Each
// account's first import is not measured: it does what is done once only.
export function setup() {
  operator.ask('PUT', `/v1/datasets/${dataset}`, 200, spec);
  const perAccount = Math.ceil(small / accounts);
  const customers = Array.from({ length: accounts }, (_, i) => newAccount(`fairness small ${i + 1}`, smallRows * (1 + 2 * perAccount)));
  for (const c of customers) smallImport(c, 0);
  const times = Array.from({ length: small }, (_, i) => smallImport(customers[i % accounts], 1 + Math.floor(i / accounts)));
  for (const ms of times) alone.add(ms);
  return { customers, times, whales: Array.from({ length: whales }, (_, i) => newAccount(`fairness whale ${i + 1}`, rows)) };
}

// smallImport sends the account's nth file and returns the milliseconds from its arrival
// until the import had ended, by the server's clock: asking for it is too coarse.
function smallImport(account, n) {
  const api = client(account.key);
  const body = text(1 + n * smallRows, 0, smallRows, n);
  const imp = follow(api, post(api, 'create', `small-${n}.csv`, body));
  checkCounts(imp, outcome(smallRows, false));
  return Date.parse(imp.finished_at) - Date.parse(imp.created_at);
}

export function besideWhales(made) {
  while (!allWait(made.whales)) sleep(0.1);
  const times = [];
  const perAccount = Math.ceil(small / accounts);
  for (let i = 0; i < small; i++) {
    const ms = smallImport(made.customers[i % accounts], 1 + perAccount + Math.floor(i / accounts));
    if (allWait(made.whales)) times.push(ms);
  }
  for (const ms of times) beside.add(ms);
  measured.add(times.length);
  if (times.length > 0) {
    slowdown.add(percentile(times, 0.99) / percentile(made.times, 0.99));
    slowdownMedian.add(percentile(times, 0.5) / percentile(made.times, 0.5));
  }
  const held = outcome(smallRows, false).created;
  made.customers.forEach((c, i) => checkUsage(client(c.key), held * (1 + 2 * filesOf(i))));
}

// filesOf is how many files of a phase fall to the account.
const filesOf = (i) => Math.floor(small / accounts) + (i < small % accounts ? 1 : 0);

// allWait reports whether every whale has at least a few batches that nobody works on yet.
function allWait(accounts) {
  return accounts.every((a) => {
    const { imports } = client(a.key).ask('GET', '/v1/imports?limit=1', 200);
    return imports.length > 0 && imports[0].batches.staged > 8;
  });
}

function percentile(values, p) {
  const sorted = values.slice().sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(p * sorted.length) - 1)];
}

export async function whale(made) {
  const api = client(made.whales[exec.scenario.iterationInTest].key);
  const want = outcome(rows, false);
  const imp = follow(api, await upload(api, 'create', generated(1, rows, 1)));
  checkCounts(imp, want);
  checkUsage(api, want.created);
}
