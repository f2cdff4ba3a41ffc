//! The server over real sockets: every limit, time-out and promise as a client meets it.
//! Time-outs are configured to be short where they shall strike, and never measured.
//!
//! The modules say `cfg(test)`, which always holds here, because clippy goes by it.

#[cfg(test)]
mod admin;
#[cfg(test)]
mod application;
#[cfg(test)]
mod drain;
#[cfg(test)]
mod files;
#[cfg(test)]
mod frames;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod http1;
#[cfg(test)]
mod http2;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod malformed;
#[cfg(test)]
mod observation;
#[cfg(test)]
mod place;
#[cfg(test)]
mod stalls;
#[cfg(test)]
mod tls;
