//! What is shown: it can be read back, and the committed manual is not stale.

use super::*;

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
