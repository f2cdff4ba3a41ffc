//! One process of a server: it is started so that it ends with this one, signalled and waited for.

use std::{
    io,
    process::{Child, Command, ExitStatus},
    sync::{
        OnceLock,
        mpsc::{Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

/// A running process. It is not ended when this is dropped: see `Service`.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
}

impl Process {
    pub(crate) fn spawn(command: Command) -> io::Result<Self> {
        spawn_on_lasting_thread(command).map(|child| Self { child })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, or `None` while it runs.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a process can be waited for")
    }

    /// Sends a signal; one to a process that has ended is lost.
    pub(crate) fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        // It fails only when the process has ended and nobody has waited for it yet.
        let _ = kill_process(id.expect("a process id"), signal);
    }

    /// Kills it and waits for its end.
    pub(crate) fn kill(&mut self) {
        // Either fails when the process has ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits for its end without giving the thread away, for destructors.
    pub(crate) fn wait_blocking(&mut self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        while self.ended().is_none() {
            if Instant::now() > deadline {
                return false;
            }
            thread::sleep(Duration::from_millis(5));
        }
        true
    }
}

type Order = (Command, Sender<io::Result<Child>>);

/// The kernel sends a process its death signal when the *thread* ends that started it, and each test has a thread of its
/// own. So one thread starts all of them and never ends.
fn spawn_on_lasting_thread(command: Command) -> io::Result<Child> {
    static ORDERS: OnceLock<Sender<Order>> = OnceLock::new();
    let orders = ORDERS.get_or_init(|| {
        let (sender, receiver) = channel::<Order>();
        thread::Builder::new()
            .name("server-starter".to_owned())
            .spawn(move || {
                for (mut command, answer) in receiver {
                    // Nobody waits any more when the test was ended meanwhile.
                    let _ = answer.send(command.spawn());
                }
            })
            .expect("a thread starts");
        sender
    });
    let (answer, answered) = channel();
    orders
        .send((command, answer))
        .expect("the thread that starts servers lives");
    answered
        .recv()
        .expect("the thread that starts servers lives")
}
