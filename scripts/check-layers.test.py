"""Tests of scripts/check-layers: each case is a small tree of its own."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

SCRIPT = Path(__file__).with_name("check-layers")
CRATES = ["protocol", "opaque", "cipher", "client-sdk", "cli", "relay", "migrations", "bench"]


def check(files):
    """Runs the script on a tree of {path: text}; returns its exit code and what it complained of."""
    with tempfile.TemporaryDirectory() as folder:
        manifests = {f"{crate}/Cargo.toml": "[dependencies]\n" for crate in CRATES}
        for name, text in {**manifests, **files}.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        done = subprocess.run([sys.executable, SCRIPT, folder], capture_output=True, text=True)
    return done.returncode, done.stderr.strip()


class CheckLayers(unittest.TestCase):
    def refuses(self, name, text, complaint):
        code, said = check({name: text})
        self.assertEqual(code, 1, said)
        self.assertIn(complaint, said)

    def accepts(self, name, text):
        self.assertEqual(check({name: text}), (0, ""))

    def test_names_file_line_and_path(self):
        self.refuses("relay/src/log/lane.rs", "\nuse sqlx::PgPool;\n", "relay/src/log/lane.rs:2: sqlx::PgPool: ")

    def test_sql_of_the_benchmarks_stays_in_their_limits(self):
        self.accepts("bench/src/limit/inserts.rs", "use sqlx::PgConnection;\n")
        self.refuses("bench/src/row/append.rs", "use sqlx::PgConnection;\n", "sqlx::PgConnection")

    def test_sql_stays_in_the_store(self):
        self.accepts("relay/src/store/events.rs", "use sqlx::PgPool;\nfn f() { sqlx::query!(\"select 1\"); }\n")
        self.refuses("relay/src/http/health.rs", "fn f() { sqlx::query(\"\"); }\n", "sqlx::query")

    def test_a_file_and_a_folder_of_a_module_are_the_same_place(self):
        self.accepts("relay/src/atrest/transit.rs", "use vaultrs::client;\n")
        self.accepts("relay/src/atrest/transit/batch.rs", "use rustify::Endpoint;\n")
        self.refuses("relay/src/atrest/transition.rs", "use vaultrs::client;\n", "only atrest/transit")

    def test_an_attribute_counts_as_use(self):
        self.refuses("relay/src/spaces/fold.rs", "#[derive(sqlx::FromRow)]\nstruct Row;\n", "sqlx::FromRow")

    def test_grouped_imports_are_unfolded(self):
        grouped = "use crate::{\n    atrest::Sealer,\n    store::{events, spaces as s},\n};\n"
        self.refuses("relay/src/log/lane.rs", grouped, "crate::store::spaces")

    def test_super_is_resolved(self):
        self.refuses("relay/src/log/lane.rs", "use super::super::http::Problem;\n", "crate::http::Problem")
        self.accepts("relay/src/log/lane.rs", "use super::http_like::Problem;\n")

    def test_adapters_do_not_import_each_other(self):
        self.refuses("relay/src/http/login.rs", "use crate::store::accounts;\n", "do not import each other")
        self.refuses("relay/src/store/accounts.rs", "use crate::ws::Frame;\n", "do not import each other")
        self.accepts("relay/src/http/login.rs", "use crate::http::problem;\nuse http::StatusCode;\n")

    def test_comments_are_no_use(self):
        self.accepts("relay/src/log/lane.rs", "// unlike sqlx::PgPool\n/// see [`sqlx::Pool`]\nfn f() {}\n")

    def test_the_word_use_in_a_string_is_no_import(self):
        self.accepts("relay/src/log/lane.rs", 'const TEXT: &str = "already in use {sqlx";\nfn f() {}\n')

    def test_protocol_has_no_clock(self):
        self.refuses("protocol/src/event.rs", "use std::{fmt, time::SystemTime};\n", "std::time::SystemTime")
        self.accepts("protocol/src/event.rs", "use std::time::Duration;\n")

    def test_a_manifest_names_only_what_lies_below_it(self):
        self.refuses("client-sdk/Cargo.toml", "[dependencies]\nsealpost-relay.workspace = true\n", "Cargo.toml:2")
        self.refuses("protocol/Cargo.toml", "[target.'cfg(unix)'.dependencies.tokio]\n", "tokio")


if __name__ == "__main__":
    unittest.main()
