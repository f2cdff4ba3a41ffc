//! The directory below which all servers of this test process keep their files. It goes with the process, however that
//! ends: nothing of a process that is killed runs any more, so a small shell process waits for it and cleans up.

use std::{
    fs::{self, OpenOptions, Permissions},
    io::Write,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

/// Ends its wait when the other end of its standard input is closed, which the kernel does when the test process ends.
/// Servers get their signals at that moment too and may still write for a while: hence the attempts.
const CLEANER: &str = r#"
trap '' INT HUP TERM
cat >/dev/null
for attempt in 1 2 3 4 5 6 7 8 9 10; do
  sleep 0.2
  [ ! -e "$1/elsewhere" ] || xargs -r -d '\n' rm -f -- <"$1/elsewhere"
  rm -rf -- "$1" 2>/dev/null && break
done
"#;

#[derive(Debug)]
struct Root {
    path: PathBuf,
    /// Holds the pipe open by which the cleaner sees that this process is alive.
    _cleaner: Child,
}

/// A new directory for a server of this name. The user that the server runs as may have to reach it, so that it is open
/// to all.
pub(crate) fn create(name: &str) -> PathBuf {
    static CREATED: AtomicU32 = AtomicU32::new(0);
    let number = CREATED.fetch_add(1, Ordering::Relaxed);
    let path = root().path.join(format!("{name}-{number}"));
    fs::create_dir(&path).expect("a server's directory is created");
    path
}

/// Has a file removed at the end that a server insists on creating elsewhere.
pub(crate) fn remove_at_end(file: &Path) {
    let mut list = OpenOptions::new()
        .create(true)
        .append(true)
        .open(root().path.join("elsewhere"))
        .expect("the list of files to remove is opened");
    // In one write, because threads do this at the same time.
    let line = format!("{}\n", file.display());
    list.write_all(line.as_bytes())
        .expect("the list of files to remove is written");
}

fn root() -> &'static Root {
    static ROOT: OnceLock<Root> = OnceLock::new();
    ROOT.get_or_init(|| {
        let directory = tempfile::Builder::new()
            .prefix("berth-servers-")
            .permissions(Permissions::from_mode(0o755))
            .tempdir()
            .expect("a temporary directory");
        let path = directory.keep();
        // A group of its own: Ctrl-C in a terminal goes to all processes of the test's.
        let cleaner = Command::new("sh")
            .args(["-c", CLEANER, "cleaner"])
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("a shell starts");
        Root {
            path,
            _cleaner: cleaner,
        }
    })
}
