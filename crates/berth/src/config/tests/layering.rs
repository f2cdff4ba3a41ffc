//! What is in force: the defaults, and which layer wins.

use super::*;

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
        ("metadata.location_lifetime", "10s"),
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
