//! Stopping: what is in flight may end, what is new goes elsewhere, and what is cut can be resumed.

use std::time::Duration;

use berth_tests::{Blob, Client, for_each_backend};
use tokio::time::sleep;

const LIMIT: Duration = Duration::from_secs(30);

#[tokio::test]
async fn without_work_it_ends_at_once_and_well() {
    for_each_backend(async |builder| {
        let mut registry = builder.start().await;
        // A connection that only waits is not work.
        let client = registry.client();
        client.get("/v2/").send().await.expect_status(200);
        registry.terminate();
        let exit = registry.wait_for_exit(LIMIT).await;
        assert!(exit.status.success(), "{}\n{}", exit.status, exit.output);
    })
    .await;
}

#[tokio::test]
async fn an_upload_in_flight_ends_well_and_nothing_new_begins() {
    for_each_backend(async |builder| {
        let mut registry = builder.start().await;
        let repository = registry.repository("team/app");
        let blob = Blob::random(1_000_000);
        let location = repository.start_upload().await;
        let target = berth_tests::client::with_query(&location, &format!("digest={}", blob.digest));
        let mut upload = registry.connect().await;
        upload
            .send(format!(
                "PUT {target} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
            ))
            .await;
        upload.send(&blob.bytes[..500_000]).await;
        sleep(Duration::from_millis(200)).await;

        registry.terminate();
        registry.admin().wait_for("/readyz", 503, LIMIT).await;
        wait_until_refused(&registry.client()).await;
        upload.send(&blob.bytes[500_000..]).await;
        let answer = upload.response(LIMIT).await.expect("an answer");
        assert_eq!(answer.status, 201, "{}", answer.head);
        assert_eq!(
            answer.header("connection"),
            Some("close"),
            "{}",
            answer.head
        );
        let exit = registry.wait_for_exit(LIMIT).await;
        assert!(exit.status.success(), "{}\n{}", exit.status, exit.output);
        registry.restart().await;
        registry.repository("team/app").expect_blob(&blob).await;
    })
    .await;
}

/// New connections are refused soon after the signal.
async fn wait_until_refused(client: &Client) {
    for _ in 0..500 {
        if Client::new(client.address())
            .get("/v2/")
            .try_send()
            .await
            .is_err()
        {
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
    panic!("new connections are still served");
}

#[tokio::test]
async fn what_takes_too_long_is_cut_and_can_be_resumed() {
    for_each_backend(async |builder| {
        let mut registry = builder
            .configuration("http:\n  drain_timeout: 1s")
            .start()
            .await;
        let repository = registry.repository("team/app");
        let blob = Blob::random(1_000_000);
        let location = repository.start_upload().await;
        let location = repository
            .patch(&location, &blob.bytes[..300_000])
            .send()
            .await
            .expect_status(202)
            .location();
        let mut upload = registry.connect().await;
        upload
            .send(format!(
                "PATCH {location} HTTP/1.1\r\nHost: x\r\nContent-Length: 700000\r\n\r\n"
            ))
            .await;
        upload.send(&blob.bytes[300_000..400_000]).await;
        registry.terminate();
        registry.wait_for_exit(LIMIT).await;

        registry.restart().await;
        let repository = registry.repository("team/app");
        let status = repository.client().get(&location).send().await;
        let range = status
            .expect_status(204)
            .required_header("range")
            .to_owned();
        let from: usize = range
            .trim_start_matches("0-")
            .parse::<usize>()
            .expect("a number")
            + 1;
        assert!((300_000..=400_000).contains(&from), "{range}");
        let rest = repository
            .patch_range(&location, from, &blob.bytes[from..])
            .send()
            .await;
        repository
            .finish_upload(&rest.expect_status(202).location(), &blob.digest, &[])
            .send()
            .await
            .expect_status(201);
        repository.expect_blob(&blob).await;
    })
    .await;
}
