// One small import from start to finish, with a new account: the dataset is defined,
// a file sent, followed to its end, and everything that can be asked about it checked.
//
//   BASE_URL=http://127.0.0.1:8080 API_KEY=bhk_… k6 run loadtest/smoke.js
//
// ROWS: of the file, 1,000. TIMEOUT: seconds until an import must have ended, 600.
// DATASET: its name, loadtest_contacts. OUT: folder of the result.
import { check } from 'k6';
import { client, newAccount, operator } from './lib/api.js';
import { brokenLines, dataset, outcome, records, spec, text } from './lib/contacts.js';
import { checkCounts, checkRecords, checkUsage, follow, post } from './lib/imports.js';
import { report } from './lib/report.js';

const rows = Number(__ENV.ROWS || 1000);

export const options = {
  vus: 1, iterations: 1,
  thresholds: { checks: ['rate==1'], 'http_req_failed{kind:api}': ['rate==0'], imports_checked: ['count==2'] },
};

export const handleSummary = report('smoke', { rows });

export default function () {
  operator.ask('PUT', `/v1/datasets/${dataset}`, 200, spec);
  const account = newAccount('load smoke', 10 * rows);
  const api = client(account.key);

  const want = outcome(rows, false);
  const imp = follow(api, post(api, 'create', 'smoke.csv', text(1, 0, rows, 1)));
  checkCounts(imp, want);
  check(imp, { 'import is the account\'s': (i) => i.account_id === account.id });
  checkRejects(api, imp.id);
  checkReceipt(api, imp.id, want);
  checkUsage(api, want.created);
  checkRecords(api, records(1, rows, 1));

  const again = follow(api, post(api, 'upsert', 'smoke-again.csv', text(1, 0, rows, 2)));
  checkCounts(again, outcome(rows, true));
  checkUsage(api, want.created);
  checkRecords(api, records(1, rows, 2));
  isolated(imp.id);
}

// checkRejects wants each broken row in the export once, with the line it began on.
function checkRejects(api, id) {
  const res = api.send('GET', `/v1/imports/${id}/rejects.csv`, null, {}, { name: 'GET /v1/imports/{id}/rejects.csv' });
  const [head, ...lines] = String(res.body).split('\n').filter((l) => l !== '');
  const at = head.split(',').indexOf('_line');
  const found = lines.map((l) => Number(l.split(',')[at])); // no broken row has a cell with a comma
  check(res, {
    'rejects have their columns': () => head.endsWith('_line,_row,_code,_column,_message'),
    'rejects name every broken line': () => JSON.stringify(found) === JSON.stringify(brokenLines(rows)),
    'rejects say why': () => lines.every((l) => l.includes(',invalid_enum,country,')),
  });
}

function checkReceipt(api, id, want) {
  const receipt = api.ask('GET', `/v1/imports/${id}/receipt`, 200, undefined, 'GET /v1/imports/{id}/receipt');
  check(receipt, {
    'receipt balances': (r) => r.balanced,
    'receipt counts the errors': (r) => r.errors.reduce((n, e) => n + e.count, 0) === want.rejected,
  });
}

// isolated wants that another account does not see the import.
function isolated(id) {
  const other = client(newAccount('load smoke, stranger', 10).key);
  const res = other.send('GET', `/v1/imports/${id}`, null, {}, { kind: 'stranger', name: 'GET /v1/imports/{id} (foreign)' });
  check(res, { 'foreign import is not found': (r) => r.status === 404 });
}
