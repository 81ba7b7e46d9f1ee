//! Any octets as a request and as a reply.

use callseal_eims::{MalformedRequest, Reply, Request};

/// Nothing panics, and what is read is written the same again: each message has
/// one form.
pub fn operator_requests(data: &[u8]) {
    match Request::from_bytes(data) {
        Ok(request) => assert_eq!(request.to_bytes(), data),
        Err(MalformedRequest::Length { found_len }) => assert_eq!(found_len, data.len()),
        Err(_) => {}
    }
    match Reply::from_bytes(data) {
        Ok(reply) => assert_eq!(reply.to_bytes(), data),
        Err(MalformedRequest::Length { found_len }) => assert_eq!(found_len, data.len()),
        Err(_) => {}
    }
}
