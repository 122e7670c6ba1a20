// What a page does with Uppy: it uploads a file with Uppy's own metadata beside ours.
// The page calls upload with the endpoint, an API key, the dataset and the file's text.
import Uppy from '@uppy/core'
import Tus from '@uppy/tus'

window.upload = async (endpoint, key, dataset, text) => {
  let retries = 0
  const uppy = new Uppy({ autoProceed: false })
  uppy.use(Tus, {
    endpoint,
    headers: { Authorization: `Bearer ${key}` },
    chunkSize: 64 << 10,
    retryDelays: Array(60).fill(50),
    onShouldRetry: () => { retries++; return true },
  })
  uppy.addFile({ name: 'uppy.csv', type: 'text/csv', data: new Blob([text], { type: 'text/csv' }), meta: { dataset, mode: 'create' } })
  const result = await uppy.upload()
  if (result.failed.length > 0) throw new Error(String(result.failed[0].error))
  return JSON.stringify({ url: result.successful[0].uploadURL, retries })
}
