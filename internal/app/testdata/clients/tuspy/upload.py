"""Uploads the file argv[2] to the endpoint argv[1] with tuspy, in chunks of argv[3] bytes
with a checksum each, and prints the upload's URL and how often it was broken off."""

import json
import os
import sys

from tusclient import client
from tusclient.exceptions import TusCommunicationError, TusUploadFailed

endpoint, path, chunk = sys.argv[1], sys.argv[2], int(sys.argv[3])
tus = client.TusClient(endpoint, headers={"Authorization": "Bearer " + os.environ["BULKHEAD_API_KEY"]})
retries = 0


def again(error):
    """Lets a failure of the connection pass."""
    global retries
    retries += 1
    if retries > 60 or getattr(error, "status_code", None) not in (None, 409, 423, 503):
        raise error


uploader = None
while True:
    try:
        if uploader is None:
            uploader = tus.uploader(
                path, chunk_size=chunk, metadata={"dataset": os.environ["DATASET"], "filename": "python.csv"}, upload_checksum=True
            )
        uploader.upload()
        break
    except (TusUploadFailed, TusCommunicationError, OSError) as error:
        again(error)
        while uploader is not None and uploader.url:
            try:
                uploader.offset = uploader.get_offset()
                break
            except (TusCommunicationError, OSError) as error:
                again(error)
print(json.dumps({"url": uploader.url, "retries": retries}))
