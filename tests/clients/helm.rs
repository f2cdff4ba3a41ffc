//! helm: charts as OCI artifacts, whose manifests have no `mediaType` field.

use std::{fs, path::Path};

use berth_tests::{for_each_backend, tool::Tool};

fn write_chart(directory: &Path) {
    let chart = directory.join("demo");
    fs::create_dir_all(chart.join("templates")).expect("a directory");
    fs::create_dir_all(directory.join("pulled")).expect("a directory");
    let about = "apiVersion: v2\nname: demo\ndescription: a chart\nversion: 0.1.0\n";
    fs::write(chart.join("Chart.yaml"), about).expect("a file");
    let template = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}-demo\n";
    fs::write(chart.join("templates/map.yaml"), template).expect("a file");
}

#[tokio::test]
async fn pushes_pulls_and_renders_a_chart() {
    for_each_backend(async |builder| {
        let (registry, home) = (
            builder.start().await,
            tempfile::tempdir().expect("a directory"),
        );
        let host = registry.host();
        let helm = Tool::new("helm")
            .home(home.path())
            .current_directory(home.path());
        write_chart(home.path());

        for version in ["0.1.0", "0.2.0+b.1"] {
            helm.line(&format!("package demo --version {version}"))
                .await;
            helm.line(&format!(
                "push demo-{version}.tgz oci://{host}/charts --plain-http"
            ))
            .await;
            helm.line(&format!(
                "pull oci://{host}/charts/demo --version {version} --plain-http -d pulled"
            ))
            .await;
            let archive = |directory: &str| {
                fs::read(
                    home.path()
                        .join(directory)
                        .join(format!("demo-{version}.tgz")),
                )
            };
            assert!(
                archive(".").expect("packed") == archive("pulled").expect("pulled"),
                "{version} came back different"
            );
        }
        // A tag may not hold a plus sign, so helm writes another for it.
        let tags = registry.repository("charts/demo").tags("").await.json();
        assert_eq!(tags["tags"], serde_json::json!(["0.1.0", "0.2.0_b.1"]));
        let shown = helm
            .line(&format!(
                "show chart oci://{host}/charts/demo --version 0.1.0 --plain-http"
            ))
            .await;
        assert!(
            shown.stdout.contains("description: a chart"),
            "{}",
            shown.stdout
        );
        let rendered = helm
            .line(&format!(
                "template web oci://{host}/charts/demo --version 0.1.0 --plain-http"
            ))
            .await;
        assert!(
            rendered.stdout.contains("name: web-demo"),
            "{}",
            rendered.stdout
        );
    })
    .await;
}
