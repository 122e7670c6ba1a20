// Imports a file with openapi-fetch and the types that openapi-typescript makes of the
// API's description, and prints what it read back: client.js URL DATASET FILE.
import { readFile } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

const [url, dataset, path] = process.argv.slice(2) as [string, string, string];
const client = createClient<paths>({ baseUrl: url, headers: { Authorization: `Bearer ${process.env.BULKHEAD_API_KEY}` } });

function good<T>(answer: { data?: T; error?: components["schemas"]["Problem"] }): T {
  if (answer.error) throw new Error(`${answer.error.code}: ${answer.error.detail}`);
  return answer.data as T;
}

// send sends the whole file in one request.
async function send() {
  const file = await readFile(path, "utf8");
  const taken = good(await client.POST("/v1/imports", {
    params: { query: { dataset, mode: "create", filename: "people.csv" } },
    headers: { "Content-Type": "text/csv" },
    body: file,
    bodySerializer: (text) => text,
  }));
  return taken.id;
}

// wait asks how the import stands until it has ended.
async function wait(id: string) {
  for (let i = 0; i < 600; i++) {
    const imp = good(await client.GET("/v1/imports/{id}", { params: { path: { id } } }));
    if (imp.finished_at) return imp;
    await setTimeout(100);
  }
  throw new Error("the import did not end");
}

// readNames pages through the records.
async function readNames() {
  const names: unknown[] = [];
  let cursor: string | undefined;
  do {
    const query = cursor ? { limit: 1, cursor } : { limit: 1 };
    const page = good(await client.GET("/v1/datasets/{name}/records", { params: { path: { name: dataset }, query } }));
    if (typeof page === "string") throw new Error("NDJSON, which nobody asked for");
    names.push(...page.records.map((record) => record.name));
    cursor = page.next_cursor;
  } while (cursor);
  return names;
}

good(await client.PUT("/v1/datasets/{name}", {
  params: { path: { name: dataset } },
  body: {
    key: ["id"],
    columns: [{ name: "id", type: "integer" }, { name: "name", type: "text", required: true }, { name: "balance", type: "decimal" }],
  },
}));
const imp = await wait(await send());
const rejects = good(await client.GET("/v1/imports/{id}/rejects.csv", { params: { path: { id: imp.id } }, parseAs: "text" }));
console.log(JSON.stringify({ state: imp.state, created: imp.rows.created, rejected: imp.rows.rejected, rejects, names: await readNames() }));
