//! Decides what happens to each request, and remembers the requests.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use hyper::body::Incoming;

use super::{Fault, Operation};

/// A request as the plan sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The path and query, as they came.
    pub target: String,
    /// Which operation it is.
    pub operation: Operation,
    /// Which one of its operation it is, counted from 1.
    pub number: usize,
}

type Rule = Arc<dyn Fn(&Request) -> Fault + Send + Sync>;

/// What is to happen, and what has.
#[derive(Default)]
pub(super) struct Plan {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    once: Vec<(Operation, Fault)>,
    rule: Option<Rule>,
    requests: Vec<Request>,
}

impl Plan {
    /// Records a request and says what happens to it.
    pub(super) fn judge(&self, request: &http::Request<Incoming>) -> Fault {
        let operation = Operation::of(request.method(), request.uri(), request.headers());
        let mut state = self.state();
        let request = Request {
            method: request.method().to_string(),
            target: request
                .uri()
                .path_and_query()
                .map_or_else(String::new, ToString::to_string),
            operation,
            number: count(&state.requests, operation) + 1,
        };
        let planned = state.once.iter().position(|(of, _)| *of == operation);
        let fault = match planned {
            Some(place) => state.once.remove(place).1,
            None => state
                .rule
                .as_ref()
                .map_or(Fault::Pass, |rule| rule(&request)),
        };
        state.requests.push(request);
        fault
    }

    pub(super) fn once(&self, operation: Operation, fault: Fault) {
        self.state().once.push((operation, fault));
    }

    pub(super) fn set_rule(&self, rule: Rule) {
        self.state().rule = Some(rule);
    }

    pub(super) fn clear(&self) {
        let mut state = self.state();
        state.once.clear();
        state.rule = None;
    }

    pub(super) fn requests(&self) -> Vec<Request> {
        self.state().requests.clone()
    }

    pub(super) fn forget_requests(&self) {
        self.state().requests.clear();
    }

    pub(super) fn count(&self, operation: Operation) -> usize {
        count(&self.state().requests, operation)
    }

    pub(super) fn counts(&self) -> BTreeMap<(String, Operation), usize> {
        let mut counts = BTreeMap::new();
        for request in &self.state().requests {
            let kind = (request.method.clone(), request.operation);
            *counts.entry(kind).or_default() += 1;
        }
        counts
    }

    /// Nothing that is done under the lock can leave it half done.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count(requests: &[Request], operation: Operation) -> usize {
    let same = requests.iter().filter(|one| one.operation == operation);
    same.count()
}

impl fmt::Debug for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        formatter
            .debug_struct("Plan")
            .field("once", &state.once)
            .field("rule", &state.rule.is_some())
            .field("requests", &state.requests.len())
            .finish()
    }
}
