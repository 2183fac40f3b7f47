//! `tests/INVARIANTS.md` may name only tests that exist and run, and leaves no promise out.

#[path = "invariants/page.rs"]
mod page;
#[path = "invariants/security.rs"]
mod security;
#[path = "invariants/sources.rs"]
mod sources;

use std::collections::BTreeSet;
use std::path::Path;

use page::faults;

#[test]
fn every_promise_names_tests_that_exist_or_is_pending() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the crate lies in the workspace");
    let page =
        std::fs::read_to_string(root.join("tests/INVARIANTS.md")).expect("the page is in the repository");

    assert_eq!(
        faults(&page, &sources::test_names_below(root)),
        Vec::<String>::new()
    );
}

#[test]
fn everything_that_somebody_cannot_do_names_what_shows_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the crate lies in the workspace");
    let page = std::fs::read_to_string(root.join("SECURITY.md")).expect("the page is in the repository");
    let (rows, faults) = security::check(&page, &sources::test_names_below(root));
    assert_eq!(faults, Vec::<String>::new());
    assert!(rows > 40, "{rows} rows were looked at");
}

#[test]
fn a_cannot_without_a_proof_or_with_a_made_up_one_is_a_fault() {
    let page = |cell: &str| format!("| cannot | why | shown by |\n|---|---|---|\n| fly | it | {cell} |\n");
    let check = |cell| security::check(&page(cell), &known_tests());
    for good in ["R1", "R1 to R60", "`a_test`", "R2, `another_test`"] {
        assert_eq!(check(good), (1, Vec::new()), "{good}");
    }
    for bad in [
        "",
        "R61",
        "R0",
        "R1 to R99",
        "`no_test`",
        "R1, `no_test`",
        "everybody knows",
    ] {
        assert_eq!(check(bad).1.len(), 1, "{bad}");
    }
    let bare = "| cannot | why |\n|---|---|\n| fly | it |\n";
    assert_eq!(security::check(bare, &known_tests()).1.len(), 1);
}

/// A page whose rows are all pending, but for one.
fn page_with(number: u32, proof: &str) -> String {
    let proof_of = |other| {
        if other == number {
            proof
        } else {
            "pending: somebody"
        }
    };
    (1..=page::LAST)
        .map(|other| format!("| I-{other} | promise | {} |\n", proof_of(other)))
        .collect()
}

fn known_tests() -> BTreeSet<String> {
    BTreeSet::from(["a_test".into(), "another_test".into()])
}

#[test]
fn names_of_known_tests_are_accepted() {
    for proof in [
        "`a_test`",
        "`a_test`, `another_test`",
        "`a_test`; pending: the rest",
    ] {
        assert_eq!(
            faults(&page_with(3, proof), &known_tests()),
            Vec::<String>::new(),
            "{proof}"
        );
    }
}

#[test]
fn an_unknown_name_is_a_fault() {
    let found = faults(&page_with(3, "`a_test`, `no_test`"), &known_tests());

    assert_eq!(found, ["I-3: there is no test `no_test`"]);
}

#[test]
fn a_missing_number_is_a_fault() {
    let whole = page_with(3, "`a_test`");
    let (page, _) = whole.split_once("| I-15 ").expect("the page has the number");

    assert_eq!(
        faults(page, &known_tests()),
        ["I-15: stands 0 times instead of once"]
    );
}

#[test]
fn a_number_that_stands_twice_is_a_fault() {
    let page = page_with(3, "`a_test`") + "| I-4 | promise | pending: somebody |\n";

    assert_eq!(
        faults(&page, &known_tests()),
        ["I-4: stands 2 times instead of once"]
    );
}

#[test]
fn a_promise_without_a_proof_is_a_fault() {
    for proof in ["", "soon", "pending:"] {
        let found = faults(&page_with(3, proof), &known_tests());
        assert_eq!(
            found,
            ["I-3: names neither a test nor the area it is pending for"],
            "{proof:?}"
        );
    }
}

#[test]
fn only_functions_marked_as_tests_that_run_count() {
    let source = "
        #[test]
        fn plain() {}

        #[tokio::test(start_paused = true)]
        /// With words between.
        async fn paused() {}

        #[test]
        #[ignore = \"slow\"]
        fn ignored() {}

        fn helper() {}
    ";

    assert_eq!(
        sources::test_names(source).collect::<Vec<_>>(),
        ["plain", "paused"]
    );
}
