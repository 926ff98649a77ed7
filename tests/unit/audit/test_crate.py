"""The RO-Crate: read back by the library, complete, the same for the same run, and telling no path of the machine."""

import datetime
import json
import re

import pytest
from rocrate.rocrate import ROCrate

from angiolith.audit.crate import PROFILES, crate_metadata, dataset_description, hash_uri
from angiolith.audit.inventory import read_inventory
from angiolith.core.tables import write_json

ENDED = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)


@pytest.fixture
def metadata(made):
    return crate_metadata(read_inventory(made.root), "0.1.0", ENDED, "a study")


def test_the_library_reads_it_back_with_every_output(made, metadata):
    (made.root / "audit/Snakefile").write_text("")
    write_json(metadata, made.root / "ro-crate-metadata.json")
    crate = ROCrate(made.root)
    assert crate.mainEntity.id == "audit/Snakefile"
    outputs = {entry.name: entry.sha256 for entry in read_inventory(made.root) if entry.kind == "output"}
    assert {name: crate.get(name)["sha256"] for name in outputs} == outputs
    action = crate.get("#run")
    assert {entity.id for entity in action["result"]} == {*outputs, "audit/inventory.tsv"}
    assert action["instrument"].id == "audit/Snakefile"
    inputs = {entry.sha256 for entry in read_inventory(made.root) if entry.kind in ("input", "config")}
    assert {entity.id for entity in action["object"]} == set(map(hash_uri, inputs))


def test_it_names_its_profiles(metadata):
    (root,) = (entity for entity in metadata["@graph"] if entity["@id"] == "./")
    assert {entity["@id"] for entity in root["conformsTo"]} == set(PROFILES)
    assert root["datePublished"] == "2026-01-02T03:04:05+00:00"


def test_it_is_the_same_for_the_same_run(made, metadata):
    assert crate_metadata(read_inventory(made.root), "0.1.0", ENDED, "a study") == metadata


def test_it_tells_no_path_of_the_machine(made, metadata):
    text = json.dumps(metadata)
    assert "../" not in text
    assert str(made.folder) not in text


def test_a_hash_as_a_name():
    """The example of RFC 6920, section 8.1: `Hello World!`."""
    digest = "7f83b1657ff1fc53b92dc18148a1d65dfc2d4b1fa3d677284addd200126d9069"
    assert hash_uri(digest) == "ni:///sha-256;f4OxZX_x_FO5LcGBSKHWXfwtSx-j1ncoSt3SABJtkGk"


def test_bids_wants_who_made_it():
    description = dataset_description("0.1.0", "a study")
    assert description["GeneratedBy"][0] == {
        "Name": "angiolith",
        "Version": "0.1.0",
        "Description": "images to measures, tables and report",
    }
    assert re.fullmatch(r"\d+\.\d+\.\d+", description["BIDSVersion"])
