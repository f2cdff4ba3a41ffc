//! The client against answers written by hand, in pieces as small as TCP may deliver them.

use std::io::Write as _;
use std::net::TcpListener;
use std::thread;

use super::*;

/// Serves these answers on one connection, each in pieces of `piece` bytes.
fn serve(answers: &'static [&'static str], piece: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_nodelay(true).unwrap();
        let mut request = [0; 4];
        for answer in answers {
            stream.read_exact(&mut request).unwrap();
            for bytes in answer.as_bytes().chunks(piece) {
                stream.write_all(bytes).unwrap();
            }
        }
    });
    address
}

#[test]
fn reads_bodies_by_length_and_in_chunks_on_one_connection() {
    const ANSWERS: &[&str] = &[
        "HTTP/1.1 200 OK\r\ncontent-LENGTH: 5\r\nLocation: /v2/x\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\na\r\n0123456789\r\n0\r\n\r\n",
        "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
    ];
    for piece in [1, 7, 1000] {
        let mut connection = Connection::open(serve(ANSWERS, piece)).unwrap();

        let response = connection.exchange(b"1111", Answer::WithBody).unwrap();
        assert_eq!(
            (response.head.status, response.body),
            (200, b"hello".as_slice())
        );
        assert_eq!(response.head.header("location"), Some("/v2/x"));
        assert_eq!(response.head.header("loc"), None);

        let response = connection.exchange(b"2222", Answer::WithBody).unwrap();
        assert_eq!(response.body, b"abc0123456789");

        let response = connection.exchange(b"3333", Answer::WithBody).unwrap();
        let refusal = response.expect_status(200).unwrap_err().to_string();
        assert!(refusal.contains("404 Not Found"), "{refusal}");

        let response = connection.exchange(b"4444", Answer::HeadOnly).unwrap();
        assert_eq!((response.head.status, response.body.len()), (200, 0));

        let response = connection.exchange(b"5555", Answer::WithBody).unwrap();
        assert_eq!((response.head.status, response.body.len()), (204, 0));

        assert!(
            connection.exchange(b"6666", Answer::WithBody).is_err(),
            "the server has gone"
        );
    }
}

#[test]
fn discards_a_body_and_stays_in_step() {
    const ANSWERS: &[&str] = &[
        "HTTP/1.1 200 OK\r\nContent-Length: 26\r\n\r\nabcdefghijklmnopqrstuvwxyz",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    ];
    for piece in [1, 60, 1000] {
        let mut connection = Connection::open(serve(ANSWERS, piece)).unwrap();
        connection.send(b"1111").unwrap();
        assert_eq!(connection.receive_and_discard(200).unwrap(), 26);
        let response = connection.exchange(b"2222", Answer::WithBody).unwrap();
        assert_eq!(response.body, b"ok");
    }
}
