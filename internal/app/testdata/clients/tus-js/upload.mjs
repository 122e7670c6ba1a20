// Uploads the file argv[3] to the endpoint argv[2] with tus-js-client, the way a
// browser page would, and prints the upload's URL and how often it was broken off.
// argv[4] is the chunk size in bytes, 0 for the whole file in one request. PROTOCOL may
// name a version of the IETF's draft.
import { createReadStream, statSync } from 'node:fs'
import * as tus from 'tus-js-client'

const [endpoint, path, chunk] = process.argv.slice(2)
let retries = 0

const upload = new tus.Upload(createReadStream(path), {
  endpoint,
  protocol: process.env.PROTOCOL || 'tus-v1',
  uploadSize: statSync(path).size,
  chunkSize: Number(chunk) || Infinity,
  headers: { Authorization: `Bearer ${process.env.BULKHEAD_API_KEY}` },
  metadata: { filename: 'tus.csv', filetype: 'text/csv', dataset: process.env.DATASET, mode: 'create' },
  retryDelays: Array(60).fill(50),
  onShouldRetry: (_, attempt) => { retries++; return attempt < 60 },
  onError: (error) => { console.error(String(error)); process.exit(1) },
  onSuccess: () => console.log(JSON.stringify({ url: upload.url, retries })),
})
upload.start()
