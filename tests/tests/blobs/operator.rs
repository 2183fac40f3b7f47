//! `sealpost-relay blobs`, where files are missing.

use sealpost_sdk::PutOptions;

use crate::shelf::Shelf;

/// Puts some files, and loses as many of their objects.
async fn losing(shelf: &Shelf, kept: usize, lost: usize) {
    for number in 0..kept + lost {
        let reference = shelf.put(b"a plan", PutOptions::default()).await;
        if number < lost {
            shelf.object(&reference).await.remove().await;
        }
    }
}

fn said(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_marked_where_most_is_missing_unless_the_operator_says_so() {
    let shelf = Shelf::new().await;
    losing(&shelf, 1, 2).await;
    let mark = ["reconcile", "--mark-missing"];
    let refused = shelf.operator(&mark);
    assert_eq!(refused.status.code(), Some(1));
    let complaint = said(&refused.stderr);
    assert!(
        complaint.contains("2 of 3 files are missing") && complaint.contains("--even-most"),
        "{complaint}"
    );
    assert_eq!(said(&refused.stdout), "", "nothing was done");
    assert_eq!(shelf.in_state("referenced").await, 3);

    let marked = shelf.operator(&[&mark[..], &["--even-most"]].concat());
    assert_eq!(marked.status.code(), Some(1), "there were differences");
    let told = said(&marked.stdout);
    assert_eq!(told.matches("marked as deleted").count(), 2, "{told}");
    assert_eq!(shelf.in_state("tombstoned").await, 2);
    let compared = shelf.operator(&["reconcile"]);
    assert!(compared.status.success(), "{}", said(&compared.stdout));
}

#[tokio::test(flavor = "multi_thread")]
async fn half_of_the_files_may_be_missing_and_are_marked() {
    let shelf = Shelf::new().await;
    losing(&shelf, 1, 1).await;
    let alone = shelf.operator(&["reconcile", "--even-most"]);
    assert_eq!(alone.status.code(), Some(2), "it says nothing by itself");
    let marked = shelf.operator(&["reconcile", "--mark-missing"]);
    let told = said(&marked.stdout);
    assert_eq!(told.matches("marked as deleted").count(), 1, "{told}");
    assert_eq!(
        (
            shelf.in_state("referenced").await,
            shelf.in_state("tombstoned").await
        ),
        (1, 1)
    );
}
