//! Configuration: which layer wins, and refusals that say where, what, and what to do.

use berth_tests::{Document, TestRegistry};

#[tokio::test]
async fn a_key_that_nobody_knows_is_refused_with_the_nearest_one() {
    let refused = TestRegistry::builder()
        .configuration("http:\n  idle_timout: 10s")
        .run_to_exit()
        .await;
    refused.expect_refusal(&["berth.yaml:2", "idle_timout", "idle_timeout"]);
    let refused = TestRegistry::builder()
        .configuration("limit:\n  connections: 5")
        .run_to_exit()
        .await;
    refused.expect_refusal(&["berth.yaml:1", "limits"]);
}

#[tokio::test]
async fn a_value_that_makes_no_sense_is_refused_where_it_stands() {
    for (yaml, words) in [
        ("http:\n  idle_timeout: soon", ["berth.yaml:2", "soon"]),
        ("limits:\n  manifest_size: big", ["berth.yaml:2", "big"]),
        ("missing_references: maybe", ["berth.yaml:1", "maybe"]),
    ] {
        TestRegistry::builder()
            .configuration(yaml)
            .run_to_exit()
            .await
            .expect_refusal(&words);
    }
    let option = TestRegistry::builder()
        .option("--missing-references", "maybe")
        .run_to_exit()
        .await;
    option.expect_refusal(&["--missing-references", "maybe"]);
    let environment = TestRegistry::builder()
        .environment("BERTH_MISSING_REFERENCES", "maybe")
        .run_to_exit()
        .await;
    environment.expect_refusal(&["BERTH_MISSING_REFERENCES", "maybe"]);
}

#[tokio::test]
async fn a_file_that_is_not_there_is_named() {
    let refused = TestRegistry::builder()
        .option("--config", "/nowhere/berth.yaml")
        .run_to_exit()
        .await;
    refused.expect_refusal(&["/nowhere/berth.yaml"]);
}

#[tokio::test]
async fn an_address_that_others_reach_needs_a_word_on_what_they_may_do() {
    for address in ["0.0.0.0:0", "[::]:0"] {
        let refused = TestRegistry::builder().listen(address).run_to_exit().await;
        refused.expect_refusal(&["--anonymous"]);
    }
}

#[tokio::test]
async fn half_of_tls_is_refused() {
    let refused = TestRegistry::builder()
        .configuration("tls:\n  certificate: /nowhere/server.crt")
        .run_to_exit()
        .await;
    refused.expect_refusal(&["tls.private_key"]);
}

#[tokio::test]
async fn options_win_over_the_environment_and_that_over_the_file() {
    let image = Document::image(1);
    let file = TestRegistry::builder().configuration("missing_references: accept");
    let environment = file
        .clone()
        .environment("BERTH_MISSING_REFERENCES", "refuse");
    let option = environment.clone().option("--missing-references", "accept");
    for (builder, status) in [
        (TestRegistry::builder(), 404),
        (file, 201),
        (environment, 404),
        (option, 201),
    ] {
        let registry = builder.start().await;
        let answer = registry
            .repository("team/app")
            .put_manifest("1", &image)
            .send()
            .await;
        answer.expect_status(status);
    }
}
