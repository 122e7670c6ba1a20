// The HTTP API of a Bulkhead, as a well-behaved client uses it. Every call checks its
// answer; requests carry the tag kind: "api", or "upload" where a client that is cut
// off goes on by itself, so that failures of the two are told apart.
import http from 'k6/http';
import { check, fail } from 'k6';
import { uuidv4 } from './random.js';

const base = (__ENV.BASE_URL || 'http://127.0.0.1:8080').replace(/\/$/, '');
if (!__ENV.API_KEY) throw new Error('Set API_KEY to an operator key and BASE_URL to where the console is.');

export const operator = client(__ENV.API_KEY);

// client speaks for the account that owns the key.
export function client(key) {
  const headers = { Authorization: `Bearer ${key}` };

  // send makes one request and returns its answer, whatever it is.
  function send(method, path, body, extra, tags) {
    return http.request(method, base + path, body, {
      headers: Object.assign({}, headers, extra), tags: Object.assign({ kind: 'api' }, tags), timeout: '120s', redirects: 0,
    });
  }

  // ask sends JSON, wants the status, and returns what came as JSON.
  function ask(method, path, want, body, name) {
    const given = body === undefined ? null : JSON.stringify(body);
    const res = send(method, path, given, given && { 'Content-Type': 'application/json' }, { name: name || `${method} ${path}` });
    if (!check(res, { 'status as expected': (r) => r.status === want })) {
      fail(`${method} ${path}: ${res.status}, want ${want}: ${res.error || String(res.body).slice(0, 300)}`);
    }
    return res.json();
  }

  return { send, ask };
}

// newAccount makes an account with room for that many records, and a key of its own.
export function newAccount(name, quota) {
  const account = operator.ask('POST', '/v1/accounts', 201, { name: `${name} ${uuidv4().slice(0, 8)}`, record_quota: quota });
  const key = operator.ask('POST', `/v1/accounts/${account.id}/keys`, 201, { name: 'load' }, 'POST /v1/accounts/{id}/keys');
  return { id: account.id, key: key.secret };
}

export const newIdempotencyKey = () => uuidv4();
