"""Imports a file with the client that openapi-python-client makes of the API's
description, and prints what it read back: client.py URL DATASET FILE."""

import io
import json
import os
import sys
import time

from bulkhead_api.api.datasets import list_records, put_dataset
from bulkhead_api.api.imports import create_import, download_rejects, get_import, upload_content
from bulkhead_api.client import AuthenticatedClient
from bulkhead_api.models import Column, Mode, NewImport, Problem, Spec, Type, UploadContentTusResumable
from bulkhead_api.types import UNSET, File


def good(answer):
    if answer is None or isinstance(answer, Problem):
        sys.exit(f"refused: {answer}")
    return answer


def send(client, dataset, path):
    """Creates the import with JSON and sends the file in two pieces."""
    with open(path, "rb") as file:
        text = file.read()
    new = NewImport(dataset=dataset, mode=Mode.CREATE, filename="people.csv", size=len(text))
    imp = good(create_import.sync(client=client, body=new))
    half = len(text) // 2
    for begin, piece in (0, text[:half]), (half, text[half:]):
        sent = upload_content.sync_detailed(
            imp.id, client=client, body=File(io.BytesIO(piece)), tus_resumable=UploadContentTusResumable.VALUE_0, upload_offset=begin
        )
        if sent.status_code != 204:
            sys.exit(f"refused: {sent}")
    return imp.id


def wait(client, import_id):
    for _ in range(600):
        imp = good(get_import.sync(import_id, client=client))
        if imp.finished_at is not None:
            return imp
        time.sleep(0.1)
    sys.exit("the import did not end")


def names(client, dataset):
    cursor = UNSET
    while cursor != "":
        page = good(list_records.sync(dataset, client=client, limit=1, cursor=cursor))
        yield from (record["name"] for record in page.records)
        cursor = page.next_cursor


def main(url, dataset, path):
    client = AuthenticatedClient(base_url=url, token=os.environ["BULKHEAD_API_KEY"])
    columns = [
        Column(name="id", type_=Type.INTEGER),
        Column(name="name", type_=Type.TEXT, required=True),
        Column(name="balance", type_=Type.DECIMAL),
    ]
    good(put_dataset.sync(dataset, client=client, body=Spec(key=["id"], columns=columns)))
    imp = wait(client, send(client, dataset, path))
    rejects = good(download_rejects.sync(imp.id, client=client))
    print(json.dumps({
        "state": imp.state.value, "created": imp.rows.created, "rejected": imp.rows.rejected,
        "rejects": rejects, "names": list(names(client, dataset)),
    }))


main(*sys.argv[1:])
