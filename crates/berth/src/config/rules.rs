//! What values make no sense together or are not safe. Each refusal says what to set instead.

use super::effective::Effective;
use super::is_loopback;
use super::problem::{Origin, Problem};
use super::sections::SinglePod;
use super::values::{ByteSize, MetadataUrl, Span};

/// Everything that is wrong with a configuration whose values are each right.
pub(super) fn check(effective: &Effective) -> Vec<Problem> {
    let mut problems = check_but_pods(effective);
    problems.extend(pods(effective));
    problems
}

/// The same without the question who else may use the database.
pub(super) fn check_but_pods(effective: &Effective) -> Vec<Problem> {
    [exposure(effective), tls(effective), listeners(effective)]
        .into_iter()
        .flatten()
        .chain(spans(effective))
        .chain(orders(effective))
        .collect()
}

/// An address that other machines reach, without a word on what they may do.
fn exposure(effective: &Effective) -> Option<Problem> {
    let configuration = effective.configuration();
    let address = configuration.listen.socket();
    if configuration.anonymous.is_some() || is_loopback(address.ip()) {
        return None;
    }
    let message = format!(
        "listen is {address}, which other machines can reach, and no authentication is configured. Say what clients \
         without credentials may do, `--anonymous pull` or `--anonymous push`, or listen on 127.0.0.1:{} for this \
         machine only",
        address.port()
    );
    Some(Problem::at(effective.origin("listen"), message))
}

/// A certificate without its key, or the other way round.
fn tls(effective: &Effective) -> Option<Problem> {
    let tls = &effective.configuration().tls;
    let (present, absent) = match (&tls.certificate, &tls.private_key, tls.redirect_listen) {
        (Some(_), None, _) => ("tls.certificate", "tls.private_key"),
        (None, Some(_), _) => ("tls.private_key", "tls.certificate"),
        (None, None, Some(_)) => ("tls.redirect_listen", "tls.certificate and tls.private_key"),
        (Some(_), Some(_), _) | (None, None, None) => return None,
    };
    Some(Problem::at(
        effective.origin(present),
        format!("{present} is set without {absent}: set both or neither"),
    ))
}

/// A database for many pods, and blobs that only this one reaches.
fn pods(effective: &Effective) -> Option<Problem> {
    let local = matches!(effective.storage_url().0, blob_storage::StorageUrl::File(_));
    let shared = matches!(effective.metadata_url(), MetadataUrl::Postgres(_));
    if !(shared && local) || effective.configuration().single_pod == SinglePod::Yes {
        return None;
    }
    let message = "metadata.url is a PostgreSQL database, which many pods may share, and blobs are kept in a directory \
                   of this machine. Keep them where all pods reach them, with `--storage-url s3://…`, or say with \
                   `--single-pod` that there is no other pod";
    Some(Problem::at(effective.origin("metadata.url"), message))
}

/// Two listeners on one address.
fn listeners(effective: &Effective) -> Option<Problem> {
    let configuration = effective.configuration();
    let listeners = [
        ("listen", Some(configuration.listen)),
        ("admin.listen", Some(configuration.admin.listen)),
        ("tls.redirect_listen", configuration.tls.redirect_listen),
    ];
    let taken: Vec<_> = listeners
        .iter()
        .filter_map(|(path, address)| address.map(|address| (*path, address.socket())))
        .filter(|(_, address)| address.port() != 0)
        .collect();
    let (first, second, address) =
        taken
            .iter()
            .enumerate()
            .find_map(|(index, (path, address))| {
                let (other, _) = taken[..index]
                    .iter()
                    .find(|(_, earlier)| earlier == address)?;
                Some((*other, *path, *address))
            })?;
    let message =
        format!("{second} is {address}, and so is {first}: give each an address of its own");
    let origin = match effective.origin(second) {
        Origin::Default => effective.origin(first),
        origin => origin,
    };
    Some(Problem::at(origin, message))
}

/// Times that must not be zero: everything would be late at once, or a job would never rest.
fn spans(effective: &Effective) -> impl Iterator<Item = Problem> {
    let configuration = effective.configuration();
    let (http, http2, uploads) = (
        &configuration.http,
        &configuration.http2,
        &configuration.uploads,
    );
    [
        ("http.header_timeout", http.header_timeout),
        ("http.idle_timeout", http.idle_timeout),
        ("http.upload_rate_window", http.upload_rate_window),
        ("http.response_stall_timeout", http.response_stall_timeout),
        ("http2.ping_interval", http2.ping_interval),
        ("http2.ping_timeout", http2.ping_timeout),
        ("uploads.idle_timeout", uploads.idle_timeout),
        (
            "uploads.unreferenced_lifetime",
            uploads.unreferenced_lifetime,
        ),
        ("tls.reload_interval", configuration.tls.reload_interval),
        ("jobs.interval", configuration.jobs.interval),
        (
            "metadata.connection_timeout",
            configuration.metadata.connection_timeout,
        ),
        (
            "metadata.statement_timeout",
            configuration.metadata.statement_timeout,
        ),
    ]
    .into_iter()
    .filter(|(_, span)| span.duration().is_zero())
    .map(|(path, _)| {
        Problem::at(
            effective.origin(path),
            format!("{path} is 0: it must be longer"),
        )
    })
}

/// Values that bound each other, or that a protocol bounds.
fn orders(effective: &Effective) -> impl Iterator<Item = Problem> {
    const LARGEST_WINDOW: u64 = (1 << 31) - 1;
    let configuration = effective.configuration();
    let (http2, uploads, limits) = (
        &configuration.http2,
        &configuration.uploads,
        &configuration.limits,
    );
    let window = |size: ByteSize| (1..=LARGEST_WINDOW).contains(&size.bytes());
    let promise = uploads.unreferenced_promise < uploads.unreferenced_lifetime;
    [
        // A lease is renewed every three seconds by the request that holds it.
        (
            uploads.lease >= Span::seconds(5),
            "uploads.lease",
            "it must be 5s or more, because it is renewed every 3s",
        ),
        (
            promise,
            "uploads.unreferenced_promise",
            "it must be shorter than uploads.unreferenced_lifetime",
        ),
        (
            window(http2.stream_window),
            "http2.stream_window",
            "it must lie between 1B and 2147483647B (RFC 9113, 6.9.1)",
        ),
        (
            window(http2.connection_window),
            "http2.connection_window",
            "it must lie between 1B and 2147483647B (RFC 9113, 6.9.1)",
        ),
        (
            (1 << 14..1 << 24).contains(&http2.frame_size.bytes()),
            "http2.frame_size",
            "it must lie between 16KiB and 16777215B (RFC 9113, 4.2)",
        ),
        (
            http2.concurrent_streams > 0,
            "http2.concurrent_streams",
            "it must be 1 or more",
        ),
        (limits.headers > 0, "limits.headers", "it must be 1 or more"),
        (
            limits.header_size <= ByteSize::mib(16),
            "limits.header_size",
            "it must be 16MiB or less",
        ),
        (
            limits.uri_size <= ByteSize::mib(16),
            "limits.uri_size",
            "it must be 16MiB or less",
        ),
        (
            limits.buffers >= limits.manifest_size,
            "limits.buffers",
            "it must hold at least one manifest of limits.manifest_size",
        ),
        (
            (Span::minutes(1)..=Span::days(7)).contains(&configuration.storage.redirect_lifetime),
            "storage.redirect_lifetime",
            "it must lie between 1m and 7d, which is the longest that S3 accepts",
        ),
        (
            configuration.metadata.location_lifetime <= Span::minutes(1),
            "metadata.location_lifetime",
            "it must be 1m or less, so that a deleted blob is gone soon",
        ),
        (
            configuration.storage.part_buffers >= ByteSize::mib(16),
            "storage.part_buffers",
            "it must be 16MiB or more, so that two parts have room",
        ),
        (
            limits.manifest_size.bytes() > 0,
            "limits.manifest_size",
            "it must be 1B or more",
        ),
    ]
    .into_iter()
    .filter(|(holds, ..)| !holds)
    .map(|(_, path, message)| Problem::at(effective.origin(path), format!("{path}: {message}")))
}
