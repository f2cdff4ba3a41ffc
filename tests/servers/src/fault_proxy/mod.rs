//! An HTTP proxy in front of an object store that makes chosen requests fail in chosen ways, and counts them all. It
//! must not change what it forwards: requests are signed.
//!
//! It runs on a thread of its own, so that it serves also while a test waits without giving its thread away.

mod exchange;
mod fault;
mod operation;
mod plan;

use std::{
    collections::BTreeMap,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    thread,
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{runtime, sync::oneshot};
use tokio_util::task::TaskTracker;

use self::{exchange::Exchange, plan::Plan};
pub use self::{fault::Fault, operation::Operation, plan::Request};

/// A running proxy. It forwards everything until it is told otherwise, and ends when dropped.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    plan: Arc<Plan>,
    /// Dropped, it ends the thread.
    _stop: oneshot::Sender<()>,
}

impl FaultProxy {
    /// Starts one in front of an endpoint such as `http://127.0.0.1:8333`.
    pub fn start(endpoint: &str) -> Self {
        let upstream = endpoint
            .trim_start_matches("http://")
            .trim_end_matches('/')
            .parse()
            .expect("an endpoint of the form http://ADDRESS:PORT");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a socket option");
        let address = listener.local_addr().expect("the port is known");
        let plan = Arc::<Plan>::default();
        let exchange = Exchange {
            upstream,
            plan: Arc::clone(&plan),
            tasks: TaskTracker::new(),
        };
        let (stop, stopped) = oneshot::channel();
        thread::Builder::new()
            .name("fault-proxy".to_owned())
            .spawn(move || run(listener, &exchange, stopped))
            .expect("a thread starts");
        Self {
            address,
            plan,
            _stop: stop,
        }
    }

    /// The URL that clients use instead of the object store's.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Does this to the next request of that operation, once. Several for the same operation happen in turn, and before
    /// any rule is asked.
    pub fn once(&self, operation: Operation, fault: Fault) {
        self.plan.once(operation, fault);
    }

    /// Asks this rule about each request from now on, instead of an earlier one.
    pub fn rule(&self, rule: impl Fn(&Request) -> Fault + Send + Sync + 'static) {
        self.plan.set_rule(Arc::new(rule));
    }

    /// Forwards everything from now on.
    pub fn clear(&self) {
        self.plan.clear();
    }

    /// All requests so far, also those that were not forwarded. One that was forwarded twice is one.
    pub fn requests(&self) -> Vec<Request> {
        self.plan.requests()
    }

    /// How many requests of this operation there were.
    pub fn count(&self, operation: Operation) -> usize {
        self.plan.count(operation)
    }

    /// How many requests there were, by method and operation.
    pub fn counts(&self) -> BTreeMap<(String, Operation), usize> {
        self.plan.counts()
    }

    /// Counts from zero.
    pub fn forget_requests(&self) {
        self.plan.forget_requests();
    }
}

/// Serves until it is told to stop; whatever is under way then is broken off.
fn run(listener: TcpListener, exchange: &Exchange, stopped: oneshot::Receiver<()>) {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listening socket");
        tokio::select! {
            () = accept(listener, exchange) => {}
            _ = stopped => {}
        }
    });
}

async fn accept(listener: tokio::net::TcpListener, exchange: &Exchange) {
    loop {
        let (stream, _) = listener.accept().await.expect("connections are accepted");
        // It fails when the client has gone already.
        let _ = stream.set_nodelay(true);
        let of_connection = exchange.clone();
        let service = service_fn(move |request| of_connection.clone().answer(request));
        let connection = http1::Builder::new()
            .preserve_header_case(true)
            .serve_connection(TokioIo::new(stream), service);
        // Its errors are the faults, and clients that leave.
        exchange.tasks.spawn(async move {
            let _ = connection.await;
        });
    }
}
