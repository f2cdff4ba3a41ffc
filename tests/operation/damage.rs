//! A store that somebody has tampered with, or that lost files: an error of ours, never another's content, never a
//! wrong "not found", and everything else goes on.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use berth_tests::{
    Blob, TestRegistry, for_each_backend, on_embedded, registry::Builder, tool::Tool,
};

/// The file or object that holds a blob, known by its length alone.
async fn stored(registry: &TestRegistry, blob: &Blob) -> PathBuf {
    let length = u64::try_from(blob.bytes.len()).expect("a length");
    let found: Vec<_> = registry
        .stored()
        .await
        .into_iter()
        .filter(|(_, size)| *size == length)
        .map(|(path, _)| path)
        .collect();
    assert_eq!(found.len(), 1, "the blob is not one file: {found:?}");
    found[0].clone()
}

/// Pushes two blobs, lets somebody do something to the file of the first, and expects an error for it alone.
#[expect(
    clippy::future_not_send,
    reason = "a case runs on the thread of its test"
)]
async fn expect_fault(builder: Builder, damage: impl AsyncFn(&Path)) {
    expect_fault_of(builder.start().await, async |registry, stored| {
        damage(&registry.data_directory().join(stored)).await;
    })
    .await;
}

#[expect(
    clippy::future_not_send,
    reason = "a case runs on the thread of its test"
)]
async fn expect_fault_of(registry: TestRegistry, damage: impl AsyncFn(&TestRegistry, &Path)) {
    let repository = registry.repository("team/app");
    let (damaged, sound) = (Blob::random(123_457), Blob::random(76_543));
    repository.push_blob(&damaged).await;
    repository.push_blob(&sound).await;
    damage(&registry, &stored(&registry, &damaged).await).await;

    match repository.get_blob(&damaged.digest).try_send().await {
        // The head may have been sent before the file ended: then the connection ends without the promised length.
        Err(_) => {}
        Ok(answer) => {
            answer.expect_error(500, "UNKNOWN");
            registry
                .wait_for_log(answer.required_header("x-request-id"))
                .await;
        }
    }
    repository.expect_blob(&sound).await;
    registry
        .client()
        .get("/v2/")
        .send()
        .await
        .expect_status(200);
}

#[tokio::test]
async fn a_symbolic_link_in_the_store_is_not_followed() {
    on_embedded(async |builder| {
        let outside = tempfile::tempdir().expect("a directory");
        let secret = outside.path().join("secret");
        expect_fault(builder, async |file| {
            // Of the right length, so that nothing but the link itself can give it away.
            fs::write(&secret, vec![b's'; 123_457]).expect("a file");
            fs::remove_file(file).expect("the blob is removed");
            symlink(&secret, file).expect("a link");
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_symbolic_link_to_a_directory_of_the_store_is_not_followed() {
    on_embedded(async |builder| {
        let outside = tempfile::tempdir().expect("a directory");
        expect_fault(builder, async |file| {
            let directory = file.parent().expect("a directory");
            let elsewhere = outside.path().join("elsewhere");
            fs::create_dir(&elsewhere).expect("a directory");
            fs::rename(file, elsewhere.join(file.file_name().expect("a name")))
                .expect("the blob is moved");
            // The other blob may lie beside it: only a directory of its own can be replaced.
            let alone = fs::read_dir(directory)
                .expect("a directory")
                .next()
                .is_none();
            let victim = if alone {
                fs::remove_dir(directory).map(|()| directory.to_owned())
            } else {
                Ok(file.to_owned())
            };
            let target = if alone {
                elsewhere.clone()
            } else {
                elsewhere.join(file.file_name().expect("a name"))
            };
            symlink(target, victim.expect("the directory is removed")).expect("a link");
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_pipe_in_the_store_is_not_waited_for() {
    on_embedded(async |builder| {
        expect_fault(builder, async |file| {
            fs::remove_file(file).expect("the blob is removed");
            Tool::new("mkfifo").run([file]).await;
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn what_is_lost_is_a_fault_and_not_an_absence() {
    for_each_backend(async |builder| {
        expect_fault_of(
            builder.start().await,
            async |registry, stored| match registry.stores() {
                Some(stores) => stores.lose(stored).await,
                None => fs::remove_file(registry.data_directory().join(stored))
                    .expect("the blob is removed"),
            },
        )
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_file_that_is_too_short_is_never_served_as_whole() {
    on_embedded(async |builder| {
        expect_fault(builder, async |file| {
            let whole = fs::read(file).expect("the blob is read");
            fs::write(file, &whole[..1000]).expect("the blob is cut");
        })
        .await;
    })
    .await;
}
