"""Stores DICOM files in a real archive over DICOMweb and fetches them again.

A program of its own, since the archive listens on every address: it has to run where there is only loopback.

    unshare --user --map-root-user --net python archive.py FOLDER FILE...

What comes back lies in FOLDER/back, and what a search finds in FOLDER/found.json.
"""

import json
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pydicom
from dicomweb_client import DICOMwebClient

PROGRAM, PLUGIN = Path("/usr/sbin/Orthanc"), Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
ADDRESS = "http://127.0.0.1:8042"
WAIT_SECONDS = 60


@contextmanager
def archive(folder):
    """Run the archive; everything that it keeps lies in a folder."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    settings = {
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "HttpPort": 8042,
        "DicomPort": 4242,
        "AuthenticationEnabled": False,
        "Plugins": [str(PLUGIN)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }
    (folder / "orthanc.json").write_text(json.dumps(settings))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([PROGRAM, folder / "orthanc.json"], stdout=log, stderr=log)
        try:
            wait_for(process, folder / "log")
            yield DICOMwebClient(f"{ADDRESS}/dicom-web")
        finally:
            process.terminate()
            process.wait(WAIT_SECONDS)


def wait_for(process, log):
    end = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            with urlopen(f"{ADDRESS}/system", timeout=5):
                return
        except URLError:
            if process.poll() is not None or time.monotonic() > end:
                sys.exit(f"the archive did not start: {log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.1)


def main(folder, *files):
    given = [pydicom.dcmread(file) for file in files]
    (folder / "back").mkdir(parents=True)
    with archive(folder) as client:
        client.store_instances(datasets=given)
        study = given[0].StudyInstanceUID
        (folder / "found.json").write_text(json.dumps(client.search_for_instances(study)))
        for file, one in zip(files, given, strict=True):
            back = client.retrieve_instance(study, one.SeriesInstanceUID, one.SOPInstanceUID)
            back.save_as(folder / "back" / file.name, enforce_file_format=True)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
