//! The configuration as its users see it: which layer wins, what is refused and in which words.

use std::path::Path;

use super::settings::{DefaultValue, Setting};
use super::*;

/// A directory with a configuration file.
fn file(yaml: &str) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("berth.yaml");
    std::fs::write(&path, yaml).unwrap();
    (directory, path)
}

fn environment(variables: &[(&str, &str)]) -> Sources {
    let environment = variables
        .iter()
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    Sources {
        environment,
        ..Sources::default()
    }
}

fn options(options: &[(&'static str, &str)]) -> Sources {
    let options = options
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()))
        .collect();
    Sources {
        options,
        ..Sources::default()
    }
}

/// Everything that is wrong with a file, without the directory it lies in.
fn refusals(yaml: &str) -> Vec<String> {
    let (directory, path) = file(yaml);
    let sources = Sources {
        file: Some(path),
        ..Sources::default()
    };
    let directory = format!("{}/", directory.path().display());
    let problems = load(&sources).expect_err("the file is refused").0;
    problems
        .iter()
        .map(|problem| problem.to_string().replace(&directory, ""))
        .collect()
}

fn refusal(sources: &Sources) -> String {
    load(sources)
        .expect_err("the configuration is refused")
        .to_string()
}

fn in_force(effective: &Effective, path: &str) -> (Option<String>, String) {
    let found = effective
        .in_force()
        .into_iter()
        .find(|value| value.setting.path() == path)
        .unwrap();
    (found.value, found.origin.to_string())
}

#[test]
fn nothing_at_all_is_the_default() {
    let effective = load(&Sources::default()).unwrap();
    assert_eq!(*effective.configuration(), Configuration::default());
    assert_eq!(
        effective.metadata_url().to_string(),
        "sqlite:./berth-data/metadata.db"
    );
    assert_eq!(
        effective.storage_url().to_string(),
        "file:./berth-data/storage"
    );
    assert_eq!(effective.anonymous(), Anonymous::Push);
}

#[test]
fn the_defaults_are_those_of_the_manual() {
    let effective = load(&Sources::default()).unwrap();
    for (path, default) in [
        ("listen", "127.0.0.1:5000"),
        ("admin.listen", "127.0.0.1:5001"),
        ("data_dir", "./berth-data"),
        ("missing_references", "refuse"),
        ("http.header_timeout", "10s"),
        ("http.idle_timeout", "75s"),
        ("http.minimum_upload_rate", "1KiB"),
        ("http.upload_rate_window", "30s"),
        ("http.drain_timeout", "5m"),
        ("uploads.idle_timeout", "24h"),
        ("uploads.lease", "10s"),
        ("uploads.unreferenced_lifetime", "7d"),
        ("limits.manifest_size", "4MiB"),
        ("metadata.cache_size", "64MiB"),
    ] {
        assert_eq!(
            in_force(&effective, path),
            (Some(default.to_owned()), "default".to_owned()),
            "{path}"
        );
    }
}

#[test]
fn a_later_layer_wins() {
    let (_directory, path) = file("listen: 127.0.0.1:1\nanonymous: none\ndata_dir: /from/file\n");
    let origin = |effective: &Effective| in_force(effective, "listen").1;

    let mut sources = Sources {
        file: Some(path.clone()),
        ..Sources::default()
    };
    let effective = load(&sources).unwrap();
    assert_eq!(origin(&effective), format!("{}:1:9", path.display()));

    sources.environment =
        environment(&[("BERTH_LISTEN", "127.0.0.1:2"), ("BERTH_ANONYMOUS", "pull")]).environment;
    let effective = load(&sources).unwrap();
    assert_eq!(effective.configuration().listen.to_string(), "127.0.0.1:2");
    assert_eq!(origin(&effective), "BERTH_LISTEN");

    sources.options = options(&[("--listen", "127.0.0.1:3")]).options;
    let effective = load(&sources).unwrap();
    assert_eq!(effective.configuration().listen.to_string(), "127.0.0.1:3");
    assert_eq!(origin(&effective), "--listen");
    // What the upper layers do not speak of stays.
    assert_eq!(effective.anonymous(), Anonymous::Pull);
    assert_eq!(effective.configuration().data_dir, Path::new("/from/file"));
    assert_eq!(
        effective.metadata_url().to_string(),
        "sqlite:/from/file/metadata.db"
    );
}

#[test]
fn every_setting_can_be_set_in_the_file_and_in_the_environment() {
    for setting in settings() {
        let text = match &setting.default {
            DefaultValue::Value(value) => value.clone(),
            DefaultValue::Words(_) => setting.example.clone(),
        };
        let variable = setting.environment();
        let of_problems = |sources: &Sources| {
            let found = load(sources).map_or_else(|problems| problems.0, |_| Vec::new());
            // Alone, half of a pair is refused, but not for its value.
            found
                .into_iter()
                .map(|problem| problem.message)
                .filter(|message| message.contains("expected"))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            of_problems(&environment(&[(&variable, &text)])),
            [""; 0],
            "{variable}={text}"
        );
        let (_directory, path) = file(&match &setting.section {
            Some(section) => format!("{section}:\n  {}: \"{text}\"\n", setting.key),
            None => format!("{}: \"{text}\"\n", setting.key),
        });
        assert_eq!(
            of_problems(&Sources {
                file: Some(path),
                ..Sources::default()
            }),
            [""; 0],
            "{setting}: {text}"
        );
    }
}

#[test]
fn the_file_can_be_named_by_the_environment() {
    let (_directory, path) = file("data_dir: /srv\n");
    let effective = load(&environment(&[("BERTH_CONFIG", path.to_str().unwrap())])).unwrap();
    assert_eq!(effective.configuration().data_dir, Path::new("/srv"));
    assert!(
        refusal(&environment(&[("BERTH_CONFIG", "/nowhere/berth.yaml")]))
            .contains("/nowhere/berth.yaml cannot be read")
    );
}

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
            "berth.yaml:2:3: there is no `bucket` in `storage`; known are url",
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
            "metadata:\n  url: postgres://berth:secret@db/berth\n",
            "berth.yaml:2:8: metadata.url is \"postgres://berth:***@db/berth\": expected sqlite:PATH, such as \
             sqlite:/var/lib/berth/metadata.db",
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
fn the_example_says_the_same_as_no_file() {
    let (_directory, path) = file(&example());
    let effective = load(&Sources {
        file: Some(path),
        ..Sources::default()
    })
    .unwrap();
    assert_eq!(*effective.configuration(), Configuration::default());
}

#[test]
fn the_example_is_right_with_every_setting_in_it() {
    let with_optional = example()
        .lines()
        .map(|line| {
            match line
                .trim_start()
                .strip_prefix("# ")
                .map(|rest| (rest, rest.split_once(": ")))
            {
                Some((rest, Some((key, _))))
                    if settings().iter().any(|setting| setting.key == key) =>
                {
                    format!("{}{rest}\n", &line[..line.len() - line.trim_start().len()])
                }
                _ => format!("{line}\n"),
            }
        })
        .collect::<String>();
    let (_directory, path) = file(&with_optional.replace(
        "redirect_listen: 127.0.0.1:5000",
        "redirect_listen: 127.0.0.1:80",
    ));
    let effective = load(&Sources {
        file: Some(path),
        ..Sources::default()
    })
    .unwrap();
    let unset: Vec<String> = settings()
        .iter()
        .map(Setting::path)
        .filter(|path| in_force(&effective, path).1 == "default")
        .collect();
    assert_eq!(unset, [""; 0]);
}

#[test]
fn what_is_shown_can_be_used_as_a_file() {
    let shown_from = options(&[
        ("--listen", "[::1]:5000"),
        ("--anonymous", "pull"),
        ("--data-dir", "with space: #1"),
    ]);
    let shown = show(&load(&shown_from).unwrap(), Origins::Shown);
    assert!(
        shown.contains("listen: \"[::1]:5000\"  # option --listen\n"),
        "{shown}"
    );
    assert!(shown.contains("  level: info  # default\n"), "{shown}");
    assert!(shown.contains("  # certificate is not set\n"), "{shown}");
    let (_directory, path) = file(&shown);
    let again = load(&Sources {
        file: Some(path),
        ..Sources::default()
    })
    .unwrap();
    assert_eq!(
        again.metadata_url().to_string(),
        "sqlite:with space: #1/metadata.db"
    );
    let values = |text: &str| {
        text.lines()
            .map(|line| line.split("  # ").next().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        values(&show(&again, Origins::Hidden)),
        values(&show(&load(&shown_from).unwrap(), Origins::Hidden))
    );
}

#[test]
fn the_schema_knows_the_settings_and_nothing_else() {
    let schema: serde_json::Value = serde_json::from_str(&schema()).unwrap();
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["properties"]["http"]["additionalProperties"], false);
    assert_eq!(
        schema["properties"]["http"]["properties"]["idle_timeout"]["default"],
        "75s"
    );
    assert_eq!(
        schema["properties"]["anonymous"]["oneOf"][1]["const"],
        "pull"
    );
    assert_eq!(schema["properties"]["external_url"]["type"], "string");
    assert!(schema.get("required").is_none());
}

#[test]
fn the_reference_in_the_manual_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == reference(),
        "docs/configuration.md is stale: run `make docs` and commit it"
    );
}
