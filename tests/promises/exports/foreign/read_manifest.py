"""Reads an export as tools of the world do, with nothing but Python and OpenSSL, and says what a person would be shown.

usage: read_manifest.py ARCHIVE [--authority CERTIFICATE] [--signature FILE]
"""

import argparse
import io
import json
import subprocess
import tarfile
import tempfile
import zipfile


def openssl(*arguments, data=b""):
    done = subprocess.run(["openssl", *arguments], input=data, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def members_of_zip(data):
    archive = zipfile.ZipFile(io.BytesIO(data))
    assert archive.testzip() is None
    for info in archive.infolist():
        # Streaming readers of the world take no other form.
        assert info.compress_type == zipfile.ZIP_DEFLATED and not info.is_dir(), info
        assert info.date_time[0] >= 2026, info
    return {info.filename: archive.read(info) for info in archive.infolist()}, archive.comment.decode()


def open_manifest(data):
    outer, comment = members_of_zip(data)
    assert set(outer) == {"consumer_export.zip", "signature"}, set(outer)
    inner, inner_comment = members_of_zip(outer["consumer_export.zip"])
    assert "signed " + inner_comment == comment, comment
    assert all(name.startswith("export/") for name in inner)
    return inner, outer["consumer_export.zip"], outer["signature"]


def open_bundle(data, signature):
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        assert all(member.isfile() for member in archive.getmembers())
        files = {"export/" + member.name: archive.extractfile(member).read() for member in archive.getmembers()}
    return files, data, open(signature, "rb").read()


def verify(signed, signature, authority):
    with tempfile.NamedTemporaryFile() as key, tempfile.NamedTemporaryFile() as raw:
        key.write(openssl("x509", "-in", authority, "-pubkey", "-noout"))
        raw.write(signature)
        key.flush(), raw.flush()
        openssl("dgst", "-sha256", "-verify", key.name, "-signature", raw.name, data=signed)


def attributes(pool):
    # An array of pairs, or the readers of the world stop.
    assert isinstance(pool["productAttributes"], list)
    return {pair["name"]: pair["value"] for pair in pool["productAttributes"]}


def products(pool, key):
    # Sorted by number: an id that is none stops them.
    found = sorted((int(product["productId"]), product["productName"]) for product in pool.get(key, []))
    return ", ".join(f"{number}: {name}" for number, name in found)


def content_urls(pem):
    text = openssl("x509", "-text", "-noout", data=pem).decode()
    lines = text.splitlines()
    url = ["1.3.6.1.4.1.2312.9.2." in line and line.strip().rstrip(": ").endswith(".1.6") for line in lines]
    # The extension's value follows its name, behind the two bytes of a UTF8String.
    return sorted(line.strip()[2:] for after, line in zip(url, lines[1:]) if after)


def certificate(files, entitlement, authority):
    serial = entitlement["certificates"][0]["serial"]["id"]
    assert isinstance(serial, int) and 0 < serial < 2**63
    pem = files[f"export/entitlement_certificates/{serial}.pem"]
    assert entitlement["certificates"][0]["cert"].encode() in pem
    shown = openssl("x509", "-noout", "-serial", "-subject", "-nameopt", "RFC2253", data=pem).decode()
    assert int(shown.splitlines()[0].split("=")[1], 16) == serial
    assert f"CN={entitlement['id']}" in shown
    openssl("verify", "-CAfile", authority, data=pem)
    key = openssl("pkey", "-pubout", data=pem)
    assert key == openssl("x509", "-pubkey", "-noout", data=pem)
    return content_urls(pem)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("archive")
    parser.add_argument("--authority", required=True)
    parser.add_argument("--signature")
    arguments = parser.parse_args()
    data = open(arguments.archive, "rb").read()
    opened = open_bundle(data, arguments.signature) if arguments.signature else open_manifest(data)
    files, signed, signature = opened
    verify(signed, signature, arguments.authority)

    meta = json.loads(files["export/meta.json"])
    print(f"Server: {meta['webAppPrefix']} | Version: {meta['version']} | {meta['created']} | {meta['principalName']}")
    consumer = json.loads(files["export/consumer.json"])
    assert isinstance(consumer["type"], dict)
    print(f"Consumer: {consumer['name']} | {consumer['type']['label']} | {consumer['contentAccessMode']}")
    folder = "export/entitlements/"
    # Every file of the folder, whatever its name ends with.
    for entitlement in [json.loads(content) for name, content in sorted(files.items()) if name.startswith(folder)]:
        pool = entitlement["pool"]
        terms = [pool[key] for key in ("contractNumber", "orderNumber", "accountNumber")]
        print(f"Subscription: {pool['productId']} {pool['productName']} x {entitlement['quantity']} | {terms}")
        print(f"  {entitlement['startDate']} to {entitlement['endDate']} | {attributes(pool).get('support_level')}")
        print(f"  Provided: {products(pool, 'providedProducts')} | Derived: {products(pool, 'derivedProvidedProducts')}")
        print(f"  Content: {certificate(files, entitlement, arguments.authority)}")


main()
