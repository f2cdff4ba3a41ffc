//! What is refused, where, and in which words.

use super::*;

#[test]
fn unknown_keys_are_refused_with_their_place_and_the_nearest_known_one() {
    for (yaml, expected) in [
        (
            "listne: x\n",
            "berth.yaml:1:1: there is no `listne` at the top level; did you mean `listen`?",
        ),
        (
            "htttp:\n  idle_timeout: 1s\n",
            "berth.yaml:1:1: there is no `htttp` at the top level; did you mean `http`?",
        ),
        (
            "log:\n  level: info\n\n  fromat: json\n",
            "berth.yaml:4:3: there is no `fromat` in `log`; did you mean `format`?",
        ),
        (
            "limits:\n  cache_size: 1MiB\n",
            "berth.yaml:2:3: there is no `cache_size` in `limits`; did you mean `metadata.cache_size`?",
        ),
        (
            "metadata_url: sqlite:x\n",
            "berth.yaml:1:1: there is no `metadata_url` at the top level; did you mean `metadata.url`?",
        ),
        (
            "data-dir: x\n",
            "berth.yaml:1:1: there is no `data-dir` at the top level; did you mean `data_dir`?",
        ),
        (
            "storage:\n  bucket: x\n",
            "berth.yaml:2:3: there is no `bucket` in `storage`; known are url, part_buffers, \
             redirect, redirect_lifetime, inline_size, proxied_agents, proxied_repositories",
        ),
    ] {
        assert_eq!(refusals(yaml), [expected], "{yaml}");
    }
}

#[test]
fn wrong_values_are_refused_with_place_value_and_what_is_expected() {
    for (yaml, expected) in [
        (
            "http:\n  idle_timeout: 75\n",
            "berth.yaml:2:17: http.idle_timeout is \"75\": expected a whole number with a unit, such as 250ms, 10s, 5m, \
             24h or 7d",
        ),
        (
            "limits: {manifest_size: 4MB}\n",
            "berth.yaml:1:25: limits.manifest_size is \"4MB\": expected a whole number with a unit, such as 512KiB, 4MiB \
             or 10GiB",
        ),
        (
            "anonymous: pul\n",
            "berth.yaml:1:12: anonymous is \"pul\": expected none, pull or push; did you mean pull?",
        ),
        (
            "limits:\n  connections: 0\n",
            "berth.yaml:2:16: limits.connections is \"0\": expected a whole number, 1 or more",
        ),
        (
            "limits:\n  headers: many\n",
            "berth.yaml:2:12: limits.headers is \"many\": expected a whole number",
        ),
        (
            "log:\n  level:\n",
            "berth.yaml:2:8: log.level has no value: give it one or remove the line",
        ),
        (
            "listen: [a, b]\n",
            "berth.yaml:1:9: expected a single value, not a list or a section",
        ),
        (
            "http: 1\n",
            "berth.yaml:1:7: expected settings, as `key: value`, one a line",
        ),
        (
            "- listen\n",
            "berth.yaml:1:1: expected settings, as `key: value`, one a line",
        ),
        (
            "data_dir: a\ndata_dir: b\n",
            "berth.yaml:2:1: `data_dir` is there twice",
        ),
        (
            "data_dir: a\n---\ndata_dir: b\n",
            "berth.yaml:3:1: a second document starts here; one is enough",
        ),
        (
            "data_dir: a: b\n",
            "berth.yaml:1:12: mapping values are not allowed in this context",
        ),
        (
            "metadata:\n  url: mysql://berth:secret@db/berth\n",
            "berth.yaml:2:8: metadata.url is \"mysql://…\": expected sqlite:PATH, such as sqlite:/var/lib/berth/metadata.db, or \
             postgres://USER@HOST/DATABASE",
        ),
    ] {
        assert_eq!(refusals(yaml), [expected], "{yaml}");
    }
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let (_directory, path) = file("listne: x\nlog:\n  level: loud\n");
    let mut sources = environment(&[("BERTH_ANONYMOUS", "all"), ("BERTH_LISEN", "127.0.0.1:1")]);
    sources.file = Some(path);
    sources.options = options(&[("--listen", ":5000")]).options;
    let refusal = refusal(&sources);
    assert!(
        refusal.starts_with("the configuration has 5 problems\n  - "),
        "{refusal}"
    );
    for part in [
        "`listne`",
        "log.level is \"loud\"",
        "BERTH_ANONYMOUS: anonymous is \"all\"",
        "BERTH_LISEN: ",
        "--listen: ",
    ] {
        assert!(refusal.contains(part), "{part} is missing in {refusal}");
    }
}

#[test]
fn unknown_variables_are_refused_and_those_of_others_left_alone() {
    let unknown = refusal(&environment(&[("BERTH_HTTP_IDLE_TIMOUT", "1s")]));
    assert_eq!(
        unknown,
        "BERTH_HTTP_IDLE_TIMOUT: no such setting; did you mean BERTH_HTTP_IDLE_TIMEOUT?"
    );
    let strange = refusal(&environment(&[("BERTH_FROBNICATE", "x")]));
    assert_eq!(
        strange,
        "BERTH_FROBNICATE: no such setting; `berth config reference` lists them all"
    );
    let others = environment(&[
        ("HOME", "/root"),
        ("BERTH_SERVICE_HOST", "10.0.0.1"),
        ("BERTH_SERVICE_PORT_REGISTRY", "5000"),
        ("BERTH_PORT", "tcp://10.0.0.1:5000"),
        ("BERTH_PORT_5000_TCP_ADDR", "10.0.0.1"),
        ("BERTH_ADMIN_PORT_5001_TCP", "tcp://10.0.0.2:5001"),
        ("BERTH_LISTEN", ""),
    ]);
    assert_eq!(
        *load(&others).unwrap().configuration(),
        Configuration::default()
    );
}

#[test]
fn other_machines_are_let_in_on_purpose_only() {
    for address in ["0.0.0.0:5000", "[::]:5000", "192.168.1.2:5000"] {
        let refusal = refusal(&options(&[("--listen", address)]));
        for part in [
            address,
            "--listen: ",
            "`--anonymous pull`",
            "`--anonymous push`",
            "127.0.0.1:5000",
        ] {
            assert!(refusal.contains(part), "{part} is missing in {refusal}");
        }
        for (anonymous, expected) in [
            ("none", Anonymous::None),
            ("pull", Anonymous::Pull),
            ("push", Anonymous::Push),
        ] {
            let effective = load(&options(&[
                ("--listen", address),
                ("--anonymous", anonymous),
            ]))
            .unwrap();
            assert_eq!(effective.anonymous(), expected);
        }
    }
    for address in ["127.0.0.2:5000", "[::1]:5000"] {
        assert_eq!(
            load(&options(&[("--listen", address)]))
                .unwrap()
                .anonymous(),
            Anonymous::Push
        );
    }
    // Probes must be reachable in a cluster and tell nothing.
    assert!(load(&options(&[("--admin-listen", "0.0.0.0:5001")])).is_ok());
}

#[test]
fn values_that_make_no_sense_together_are_refused() {
    for (yaml, expected) in [
        (
            "tls:\n  certificate: a.pem\n",
            "berth.yaml:2:16: tls.certificate is set without tls.private_key: set both or neither",
        ),
        (
            "tls:\n  private_key: a.pem\n",
            "berth.yaml:2:16: tls.private_key is set without tls.certificate: set both or neither",
        ),
        (
            "tls:\n  redirect_listen: 127.0.0.1:80\n",
            "berth.yaml:2:20: tls.redirect_listen is set without tls.certificate and tls.private_key: set both or neither",
        ),
        (
            "listen: 127.0.0.1:5001\n",
            "berth.yaml:1:9: admin.listen is 127.0.0.1:5001, and so is listen: give each an address of its own",
        ),
        (
            "jobs:\n  interval: 0s\n",
            "berth.yaml:2:13: jobs.interval is 0: it must be longer",
        ),
        (
            "uploads:\n  lease: 1s\n",
            "berth.yaml:2:10: uploads.lease: it must be 5s or more, because it is renewed every 3s",
        ),
        (
            "http2:\n  frame_size: 1KiB\n",
            "berth.yaml:2:15: http2.frame_size: it must lie between 16KiB and 16777215B (RFC 9113, 4.2)",
        ),
    ] {
        assert_eq!(refusals(yaml), [expected], "{yaml}");
    }
    assert!(
        load(&options(&[
            ("--listen", "127.0.0.1:0"),
            ("--admin-listen", "127.0.0.1:0")
        ]))
        .is_ok()
    );
}

#[test]
fn a_refusal_shows_no_secret() {
    for option in ["--metadata-url", "--storage-url"] {
        for value in [
            "postgres://db/berth?password=sesame",
            "postgres://berth:ses/ame@db/berth#sesame",
            "s3://bucket?endpoint=http://key:sesame@host",
            "mysql://root:sesame@db",
        ] {
            let sources = Sources {
                options: vec![(option, value.to_owned())],
                ..Sources::default()
            };
            let problems = load(&sources).unwrap_err();
            let told = format!("{problems} {problems:?}");
            assert!(!told.contains("sesame"), "{told}");
            assert!(told.contains(option), "{told}");
        }
    }
}

#[test]
fn a_shared_database_wants_shared_blobs() {
    let sources = |options: &[(&'static str, &str)]| Sources {
        options: options
            .iter()
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect(),
        ..Sources::default()
    };
    let shared = ("--metadata-url", "postgres://db/berth");
    let refused = load(&sources(&[shared])).unwrap_err().to_string();
    assert!(refused.contains("--single-pod"), "{refused}");
    load(&sources(&[shared, ("--single-pod", "true")])).unwrap();
    load(&sources(&[
        shared,
        ("--storage-url", "s3://bucket?region=x"),
    ]))
    .unwrap();
    load(&sources(&[("--storage-url", "s3://bucket?region=x")])).unwrap();
    // What needs the database alone does not ask.
    load_for_database(&sources(&[shared])).unwrap();
}
